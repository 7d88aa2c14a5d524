"""Message classes and their bytes, for every definition there is."""

import timeit
from array import array

import numpy as np
import pytest
from rosbags.serde import SerdeError

from qtopt_agent.standalone.interfaces import dds_type, typestore
from qtopt_agent.standalone.messages import deserialize, message_class, serialize


@pytest.mark.parametrize("name", sorted(typestore().fielddefs))
def test_every_type_survives_the_wire_with_its_defaults(name: str) -> None:
    message = message_class(name)()
    assert deserialize(serialize(message), name) == message


def test_every_kind_of_field_survives_the_wire() -> None:
    value = message_class("rcl_interfaces/msg/ParameterValue")(
        type=2,
        bool_value=True,
        integer_value=-(2**63),
        double_value=float("-inf"),
        string_value="ü",
        byte_array_value=[b"\x00", b"\xff"],
        bool_array_value=[True, False],
        integer_array_value=array("q", [1, -1]),
        double_array_value=[0.5],
        string_array_value=["", "b"],
    )
    assert deserialize(serialize(value), value.TYPE) == value
    status = message_class("action_msgs/msg/GoalStatus")(status=4)
    status.goal_info.goal_id.uuid = np.arange(16, dtype=np.uint8)
    listed = message_class("action_msgs/msg/GoalStatusArray")(status_list=[status, status])
    assert deserialize(serialize(listed), listed.TYPE) == listed


def test_bytes_that_are_cut_off_are_refused() -> None:
    data = serialize(message_class("sensor_msgs/msg/Image")(data=bytes(100)))
    with pytest.raises((SerdeError, ValueError)):
        deserialize(data[:40], "sensor_msgs/msg/Image")


def test_an_image_takes_no_longer_than_a_few_copies_of_it() -> None:
    image = message_class("sensor_msgs/msg/Image")(height=480, width=640, step=1920)
    image.data = array("B", bytes(480 * 1920))
    there_and_back = min(timeit.repeat(lambda: deserialize(serialize(image), image.TYPE), number=1, repeat=20))
    copy = min(timeit.repeat(lambda: bytes(image.data), number=1, repeat=20))
    assert there_and_back < 100 * copy  # element by element, it would be thousands


def test_types_have_the_names_that_ros_2_gives_them_in_dds() -> None:
    assert dds_type("std_srvs/srv/Trigger_Request") == "std_srvs::srv::dds_::Trigger_Request_"
