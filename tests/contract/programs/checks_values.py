"""What messages and QoS profiles hold, refuse, and look like in bytes."""

from array import array

import numpy as np
from geometry_msgs.msg import Quaternion, TwistWithCovariance, Vector3
from harness import raises
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool, Float32, String, UInt8


def check_fields_refuse_what_they_cannot_hold():
    for bad in (1, "1", np.float32(1.0), None):
        raises(AssertionError, setattr, Vector3(), "x", bad)
    for bad in (-1, 2**32, 1.0, np.int64(3), np.uint32(3), "3"):
        raises(AssertionError, setattr, Image(), "height", bad)
    for bad in (256, -1, b"a"):
        raises(AssertionError, setattr, UInt8(), "data", bad)
    for bad in (1, np.bool_(True), None):
        raises(AssertionError, setattr, Bool(), "data", bad)
    for bad in (b"text", 3, None):
        raises(AssertionError, setattr, String(), "data", bad)
    raises(AssertionError, setattr, Float32(), "data", 1e39)
    raises(AssertionError, setattr, Image(), "header", Vector3())


def check_sequences_refuse_what_they_cannot_hold():
    for bad in (np.zeros(3, np.uint8), array("b", [1]), [256], "abc", 5, [1.0]):
        raises(AssertionError, setattr, Image(), "data", bad)
    for bad in (np.zeros(2), [1], ["a"], array("f", [1.0])):
        raises(AssertionError, setattr, JointState(), "position", bad)
    for bad in ([1], "ab", [b"a"]):
        raises(AssertionError, setattr, JointState(), "name", bad)
    for bad in (np.zeros(35), np.zeros(36, np.float32), [0.0] * 35):
        raises(AssertionError, setattr, TwistWithCovariance(), "covariance", bad)
    raises(AssertionError, Image, hieght=3)


def check_fields_hold_what_they_should():
    image = Image(height=2, width=1, encoding="rgb8", step=3, data=bytes(6))
    assert isinstance(image.data, array) and image.data.typecode == "B" and len(image.data) == 6
    assert Vector3(x=np.float64(1.5)).x == 1.5  # a numpy float64 is a float
    state = JointState(position=[1.0, 2.0], name=["a", "b"])
    assert state.position == array("d", [1.0, 2.0]) and state.name == ["a", "b"]
    assert JointState(name=("a",)).name == ("a",)
    covariance = TwistWithCovariance(covariance=np.arange(36.0)).covariance
    assert isinstance(covariance, np.ndarray) and covariance[35] == 35.0
    assert Quaternion().w == 1.0 and Vector3().x == 0.0 and String().data == "" and not Image().data
    assert state == JointState(position=[1.0, 2.0], name=["a", "b"]) and state != JointState()
    first, second = JointState(), JointState()
    first.header.frame_id = "mine"
    assert second.header.frame_id == ""


def check_bytes_of_a_message_are_ros_2_cdr():
    assert serialize_message(String(data="hi")) == bytes.fromhex("00010000 03000000 686900")
    state = JointState(name=["a"], position=[0.5], velocity=[], effort=[-1.0])
    assert deserialize_message(serialize_message(state), JointState) == state


def check_a_qos_profile_needs_a_depth():
    raises(Exception, QoSProfile)
    profile = QoSProfile(depth=3)
    assert profile.reliability == ReliabilityPolicy.RELIABLE and profile.depth == 3
    assert qos_profile_sensor_data.reliability == ReliabilityPolicy.BEST_EFFORT
