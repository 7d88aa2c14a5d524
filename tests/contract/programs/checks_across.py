"""What one process sees of `peer` in another."""

import threading
import time

import numpy as np
from action_msgs.msg import GoalStatus, GoalStatusArray
from control_msgs.action import GripperCommand
from harness import Spinning, raises, result, until
from lifecycle_msgs.msg import Transition, TransitionEvent
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, GetParameters, ListParameters, SetParameters
from rclpy.action import ActionClient
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.qos import (
    DurabilityPolicy,
    QoSProfile,
    ReliabilityPolicy,
    qos_profile_action_status_default,
    qos_profile_sensor_data,
)
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

STATE = JointState(name=["left", "right"], position=[0.25, -1.5], velocity=[float("inf")], effort=[])
STATE.header.frame_id = "base é"
STATE.header.stamp.sec, STATE.header.stamp.nanosec = -5, 999_999_999


def call(node, kind, name, request):
    client = node.create_client(kind, name)
    assert client.wait_for_service(5.0), f"no service {name}"
    return result(client.call_async(request))


def collect(node, kind, topic, qos, **how):
    found = []
    node.create_subscription(kind, topic, found.append, qos, **how)
    return found


def check_a_message_comes_back_as_it_was_sent():
    with Spinning("probe") as probe:
        found = collect(probe.node, JointState, "out", 10)
        publisher = probe.node.create_publisher(JointState, "in", 10)
        until(lambda: publisher.get_subscription_count() and probe.node.count_publishers("out"))
        until(lambda: [publisher.publish(STATE), time.sleep(0.05), found][2])
        assert found[0] == STATE, found[0]


def check_raw_bytes_go_through_unchanged():
    with Spinning("probe") as probe:
        found = collect(probe.node, JointState, "raw_out", 10, raw=True)
        publisher = probe.node.create_publisher(JointState, "raw_in", 10)
        until(lambda: publisher.get_subscription_count() and probe.node.count_publishers("raw_out"))
        until(lambda: [publisher.publish(STATE), time.sleep(0.05), found][2])
        assert isinstance(found[0], bytes)
        assert deserialize_message(found[0], JointState) == STATE


def check_a_late_reader_gets_the_last_kept_messages_in_order():
    with Spinning("probe") as probe:
        qos = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        found = collect(probe.node, String, "kept", qos)
        until(lambda: len(found) >= 3)
        time.sleep(0.2)
        assert [message.data for message in found] == ["2", "3", "4"], found


def check_a_late_reader_gets_nothing_from_a_volatile_writer():
    with Spinning("probe") as probe:
        found = collect(probe.node, String, "unkept", 10)
        until(lambda: probe.node.count_publishers("unkept"))
        time.sleep(0.5)
        assert not found


def check_a_reliable_reader_does_not_match_a_best_effort_writer():
    with Spinning("probe") as probe:
        qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)
        found = collect(probe.node, Image, "image", qos)
        until(lambda: probe.node.count_publishers("image"))
        time.sleep(0.5)
        assert not found


def check_images_of_640x480_come_at_30_hz_and_whole():
    with Spinning("probe") as probe:
        found = collect(probe.node, Image, "image", qos_profile_sensor_data)
        until(lambda: found)
        start, before = time.monotonic(), len(found)
        until(lambda: len(found) >= before + 45)
        rate = 45 / (time.monotonic() - start)
        assert 5 < rate < 40, rate
        image = found[-1]
        pixels = np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, 3)
        assert pixels.shape == (480, 640, 3) and pixels.ravel()[255] == 255 and pixels.ravel()[256] == 0


def check_a_service_answers():
    with Spinning("probe") as probe:
        for value in (True, False):
            response = call(probe.node, SetBool, "flag", SetBool.Request(data=value))
            assert (response.success, response.message) == (value, f"got {value}")


def check_each_client_gets_its_own_answers():
    with Spinning("probe", "other") as probe:
        clients = [node.create_client(SetBool, "flag") for node in probe.nodes]
        assert all(client.wait_for_service(5.0) for client in clients)
        for _ in range(5):
            futures = [(i % 2 == 0, clients[i % 2].call_async(SetBool.Request(data=i % 2 == 0))) for i in range(8)]
            for expected, future in futures:
                assert result(future).success == expected


def check_slow_requests_of_a_reentrant_group_run_side_by_side():
    with Spinning("probe") as probe:
        client = probe.node.create_client(Trigger, "slow", callback_group=ReentrantCallbackGroup())
        assert client.wait_for_service(5.0)
        start = time.monotonic()
        for future in [client.call_async(Trigger.Request()) for _ in range(8)]:
            assert result(future).success
        assert time.monotonic() - start < 1.5  # one by one it would take 1.6 s


def check_no_server_is_reported_as_such():
    with Spinning("probe") as probe:
        client = probe.node.create_client(Trigger, "nobody_offers_this")
        assert not client.service_is_ready()
        assert not client.wait_for_service(0.2)


def check_parameters_are_listed_described_and_read():
    with Spinning("probe") as probe:
        names = call(probe.node, ListParameters, "peer/list_parameters", ListParameters.Request()).result.names
        assert {"speed", "frozen", "arm.names", "refused", "use_sim_time"} <= set(names), names
        request = DescribeParameters.Request(names=["speed", "frozen"])
        speed, frozen = call(probe.node, DescribeParameters, "peer/describe_parameters", request).descriptors
        assert speed.description == "of things" and speed.type == ParameterType.PARAMETER_DOUBLE
        assert speed.floating_point_range[0].to_value == 1.0 and frozen.read_only
        request = GetParameters.Request(names=["frozen", "arm.names"])
        values = call(probe.node, GetParameters, "peer/get_parameters", request).values
        assert values[0].integer_value == 7 and list(values[1].string_array_value) == ["a", "b"]
        request = GetParameters.Request(names=["frozen", "missing"])
        assert not call(probe.node, GetParameters, "peer/get_parameters", request).values


def check_parameters_are_set_within_their_constraints_only():
    def real(value):
        return ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=value)

    text = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value="x")
    with Spinning("probe") as probe:
        wanted = {"speed": real(0.25), "frozen": real(1.0), "refused": text, "missing": text}
        request = SetParameters.Request(parameters=[Parameter(name=n, value=v) for n, v in wanted.items()])
        results = call(probe.node, SetParameters, "peer/set_parameters", request).results
        assert [said.successful for said in results] == [True, False, False, False], results
        assert results[2].reason == "I will not"
        for bad in (real(1.5), text):
            request = SetParameters.Request(parameters=[Parameter(name="speed", value=bad)])
            assert not call(probe.node, SetParameters, "peer/set_parameters", request).results[0].successful
        request = GetParameters.Request(names=["speed"])
        assert call(probe.node, GetParameters, "peer/get_parameters", request).values[0].double_value == 0.25


def goal(position, effort=0.0):
    message = GripperCommand.Goal()
    message.command.position, message.command.max_effort = position, effort
    return message


class Gripper:
    def __init__(self, probe):
        self.client = ActionClient(probe.node, GripperCommand, "grip", callback_group=ReentrantCallbackGroup())
        assert self.client.wait_for_server(5.0)
        self.feedback = []

    def send(self, *what):
        callback = lambda message: self.feedback.append(message.feedback.position)  # noqa: E731
        return result(self.client.send_goal_async(goal(*what), feedback_callback=callback))


def check_an_action_gives_feedback_and_a_result():
    with Spinning("probe") as probe:
        gripper = Gripper(probe)
        handle = gripper.send(0.5)
        assert handle.accepted
        ended = result(handle.get_result_async())
        assert ended.status == GoalStatus.STATUS_SUCCEEDED and ended.result.reached_goal
        assert ended.result.position == 0.5
        assert len(gripper.feedback) >= 4 and min(gripper.feedback) < 0.15 < max(gripper.feedback)


def check_a_goal_can_be_rejected():
    with Spinning("probe") as probe:
        assert not Gripper(probe).send(-1.0).accepted


def check_a_goal_is_cancelled_in_the_middle():
    with Spinning("probe") as probe:
        gripper = Gripper(probe)
        handle = gripper.send(4.0)
        until(lambda: len(gripper.feedback) > 3)
        answer = result(handle.cancel_goal_async())
        assert len(answer.goals_canceling) == 1
        ended = result(handle.get_result_async())
        assert ended.status == GoalStatus.STATUS_CANCELED and 3 <= ended.result.position < 40
        assert result(handle.cancel_goal_async()).return_code == 3  # ERROR_GOAL_TERMINATED


def check_a_cancel_can_be_refused():
    with Spinning("probe") as probe:
        handle = Gripper(probe).send(6.0)
        assert not result(handle.cancel_goal_async()).goals_canceling
        assert result(handle.get_result_async()).status == GoalStatus.STATUS_SUCCEEDED


def check_a_failing_callback_aborts_the_goal_and_the_server_lives():
    with Spinning("probe") as probe:
        gripper = Gripper(probe)
        ended = result(gripper.send(1.0, 99.0).get_result_async())
        assert ended.status == GoalStatus.STATUS_ABORTED
        assert result(gripper.send(0.1).get_result_async()).status == GoalStatus.STATUS_SUCCEEDED


def check_a_result_can_be_asked_for_after_the_end():
    with Spinning("probe") as probe:
        told = collect(probe.node, GoalStatusArray, "grip/_action/status", qos_profile_action_status_default)
        handle = Gripper(probe).send(0.1)

        def has_ended():  # handle.status stays behind where the news of the end overtakes the answer to the goal
            goals = told[-1].status_list if told else []
            return any(g.status == GoalStatus.STATUS_SUCCEEDED for g in goals if g.goal_info.goal_id == handle.goal_id)

        until(has_ended)
        assert result(handle.get_result_async()).result.position == 0.1


def check_a_managed_node_goes_through_its_states():
    with Spinning("probe") as probe:
        node = probe.node
        beats, events = collect(node, String, "beat", 10), collect(node, TransitionEvent, "peer/transition_event", 10)

        def ask(number):
            request = ChangeState.Request(transition=Transition(id=number))
            return call(node, ChangeState, "peer/change_state", request).success

        def state():
            return call(node, GetState, "peer/get_state", GetState.Request()).current_state.label

        assert state() == "unconfigured"
        until(lambda: node.count_publishers("beat") and node.count_publishers("peer/transition_event"))
        time.sleep(0.2)
        assert not beats
        assert ask(Transition.TRANSITION_CONFIGURE) and state() == "inactive" and not beats
        assert ask(Transition.TRANSITION_ACTIVATE) and state() == "active"
        until(lambda: len(beats) > 3)
        assert ask(Transition.TRANSITION_DEACTIVATE) and state() == "inactive"
        time.sleep(0.1)
        before = len(beats)
        time.sleep(0.2)
        assert len(beats) == before
        assert ask(Transition.TRANSITION_CLEANUP) and state() == "unconfigured"
        until(lambda: len(events) >= 8)
        goals = [event.goal_state.label for event in events]
        assert goals[:4] == ["configuring", "inactive", "activating", "active"], goals


def check_the_graph_shows_nodes_topics_and_who_publishes():
    with Spinning("probe") as probe:
        until(lambda: {"probe", "peer"} <= set(probe.node.get_node_names()), what="both nodes seen")
        assert ("peer", "/") in probe.node.get_node_names_and_namespaces()
        (writer,) = until(lambda: probe.node.get_publishers_info_by_topic("out"))
        assert (writer.node_name, writer.topic_type) == ("peer", "sensor_msgs/msg/JointState")
        assert len(writer.endpoint_gid) >= 16
        assert ("/out", ["sensor_msgs/msg/JointState"]) in probe.node.get_topic_names_and_types()
        other = probe.node.create_publisher(JointState, "out", 10)
        until(lambda: probe.node.count_publishers("out") == 2)
        probe.node.destroy_publisher(other)
        until(lambda: probe.node.count_publishers("out") == 1)


def check_a_slow_reader_gets_the_newest_messages_of_its_depth():
    with Spinning("probe") as probe:
        seen, go = [], threading.Event()

        def slow(message):
            seen.append(message.position[0])
            go.wait(5.0)

        probe.node.create_subscription(JointState, "out", slow, QoSProfile(depth=2))
        publisher = probe.node.create_publisher(JointState, "in", 10)
        until(lambda: publisher.get_subscription_count() and probe.node.count_publishers("out"))
        until(lambda: [publisher.publish(JointState(position=[-1.0])), time.sleep(0.1), seen][2])
        for number in range(10):
            publisher.publish(JointState(position=[float(number)]))
            time.sleep(0.02)
        time.sleep(0.2)
        go.set()
        until(lambda: 9.0 in seen)
        assert seen[-2:] == [8.0, 9.0] and len(seen) <= 5, seen


def check_values_of_the_wrong_type_are_not_sent():
    with Spinning("probe") as probe:
        publisher = probe.node.create_publisher(String, "chatter", 10)
        raises(TypeError, publisher.publish, JointState())
        client = probe.node.create_client(SetBool, "flag")
        raises(TypeError, client.call_async, Trigger.Request())
