"""What a process sees of its own nodes: values, parameters, names, timers, clocks, executors, loggers."""

import contextlib
import io
import os
import tempfile
import threading
import time
from array import array

import numpy as np
import rclpy
from geometry_msgs.msg import Quaternion, TwistWithCovariance, Vector3
from harness import Spinning, raises, result, until
from rcl_interfaces.msg import IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.duration import Duration
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterAlreadyDeclaredException,
    ParameterNotDeclaredException,
    ParameterUninitializedException,
)
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from rclpy.serialization import deserialize_message, serialize_message
from rclpy.time import Time
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool, Float32, String, UInt8
from std_srvs.srv import Trigger


@contextlib.contextmanager
def alone(*args, name="alone", **how):
    """A node in a context of its own, not spinning."""
    context = rclpy.Context()
    rclpy.init(args=["--ros-args", *args] if args else [], context=context)
    node = rclpy.create_node(name, context=context, **how)
    try:
        yield node
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)


def run(node, seconds):
    """Serve the node for a while."""
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        executor.spin_once(timeout_sec=max(0.0, end - time.monotonic()))
    executor.remove_node(node)


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


def check_parameters_keep_their_declared_type():
    with alone() as node:
        assert node.declare_parameter("gain", 1.5).value == 1.5
        assert node.get_parameter("gain").type_ == Parameter.Type.DOUBLE
        raises(ParameterAlreadyDeclaredException, node.declare_parameter, "gain", 2.0)
        raises(ParameterNotDeclaredException, node.get_parameter, "other")
        raises(ParameterNotDeclaredException, node.set_parameters, [Parameter("other", value=1)])
        assert not node.set_parameters([Parameter("gain", value=2)])[0].successful
        assert node.set_parameters([Parameter("gain", value=2.5)])[0].successful
        assert node.get_parameter("gain").value == 2.5
        node.declare_parameter("unset", Parameter.Type.STRING)
        raises(ParameterUninitializedException, node.get_parameter, "unset")
        assert node.get_parameter_or("unset", Parameter("unset", value="x")).value == "x"
        raises(ValueError, node.declare_parameter, "nothing", None, ParameterDescriptor())
        assert node.has_parameter("gain") and not node.has_parameter("other")
        node.declare_parameters("arm", [("speed", 1), ("names", ["a"])])
        assert set(node.get_parameters_by_prefix("arm")) == {"speed", "names"}


def check_parameters_stay_in_range():
    limits = ParameterDescriptor(integer_range=[IntegerRange(from_value=2, to_value=10, step=2)])
    with alone("-p", "late:=20") as node:
        node.declare_parameter("even", 4, limits)
        said = [node.set_parameters([Parameter("even", value=v)])[0].successful for v in (2, 10, 6, 5, 12, 0)]
        assert said == [True, True, True, False, False, False], said
        limits = ParameterDescriptor(integer_range=[IntegerRange(from_value=2, to_value=10)])
        raises(InvalidParameterValueException, node.declare_parameter, "late", 4, limits)


def check_parameters_come_from_the_command_line():
    args = ["-p", "gain:=2.5", "-p", "count:=3", "-p", "on:=true", "-p", "word:=hello", "-p", "list:=[1, 2]"]
    with alone(*args, "-p", "tiny:=1e-3", "-p", "alone:mine:=yes_", "-p", "another:mine:=no_") as node:
        defaults = {"gain": 1.0, "count": 1, "on": False, "word": "", "list": [0], "tiny": 1.0, "mine": ""}
        values = {name: node.declare_parameter(name, value).value for name, value in defaults.items()}
        values["list"] = list(values["list"])
        expected = {"gain": 2.5, "count": 3, "on": True, "word": "hello", "list": [1, 2], "tiny": 0.001, "mine": "yes_"}
        assert values == expected, values
    with alone("-p", "gain:=2") as node:
        raises(InvalidParameterTypeException, node.declare_parameter, "gain", 1.0)


def check_parameters_come_from_a_file():
    text = """
/**:
  ros__parameters:
    gain: 2.5
    arm: {limits: {speed: 0.25}, names: [a, b]}
alone:
  ros__parameters: {mine: 1}
/elsewhere/alone:
  ros__parameters: {mine: 2}
other:
  ros__parameters: {mine: 3}
"""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        with alone("--params-file", file.name) as node:
            assert node.declare_parameter("gain", 1.0).value == 2.5
            assert node.declare_parameter("arm.limits.speed", 1.0).value == 0.25
            assert list(node.declare_parameter("arm.names", ["x"]).value) == ["a", "b"]
            assert node.declare_parameter("mine", 0).value == 1
        with alone("--params-file", file.name, "-p", "gain:=4.0", "-r", "__ns:=/elsewhere") as node:
            assert node.declare_parameter("gain", 1.0).value == 4.0
            assert node.declare_parameter("mine", 0).value == 2


def check_a_callback_may_refuse_parameters():
    with alone() as node:
        node.declare_parameters("", [("low", 1), ("high", 2)])

        def judge(parameters):
            new = {parameter.name: parameter.value for parameter in parameters}
            fine = new.get("low", node.get_parameter("low").value) < new.get("high", node.get_parameter("high").value)
            return SetParametersResult(successful=fine, reason="low must be below high")

        seen = []
        node.add_on_set_parameters_callback(judge)
        node.add_post_set_parameters_callback(seen.extend)
        answer = node.set_parameters([Parameter("low", value=5)])[0]
        assert not answer.successful and answer.reason == "low must be below high"
        both = [Parameter("low", value=5), Parameter("high", value=6)]
        assert node.set_parameters_atomically(both).successful
        assert [parameter.name for parameter in seen] == ["low", "high"]


def check_names_are_expanded_and_remapped():
    args = ["-r", "__ns:=/cell", "-r", "__node:=renamed", "-r", "camera:=/wrist/camera", "-r", "~/mine:=yours"]
    with alone(*args) as node:
        assert node.get_fully_qualified_name() == "/cell/renamed" and node.get_namespace() == "/cell"
        topics = {
            name: node.create_publisher(String, name, 1).topic_name for name in ("camera", "b/c", "/d", "~/e", "~/mine")
        }
        expected = {
            "camera": "/wrist/camera",
            "b/c": "/cell/b/c",
            "/d": "/d",
            "~/e": "/cell/renamed/e",
            "~/mine": "/cell/yours",
        }
        assert topics == expected, topics
        assert node.create_service(Trigger, "camera", lambda _, answer: answer).service_name == "/wrist/camera"
        assert node.get_logger().name == "cell.renamed"
    with alone() as node:
        for bad in ("two words", "1st", "a//b", ""):
            raises((ValueError, Exception), node.create_publisher, String, bad, 1)
    raises(Exception, lambda: alone(name="no good").__enter__())


def check_a_qos_profile_needs_a_depth():
    raises(Exception, QoSProfile)
    profile = QoSProfile(depth=3)
    assert profile.reliability == ReliabilityPolicy.RELIABLE and profile.depth == 3
    assert qos_profile_sensor_data.reliability == ReliabilityPolicy.BEST_EFFORT


def check_a_timer_keeps_its_rate_and_can_be_stopped():
    with alone() as node:
        calls = []
        timer = node.create_timer(0.02, lambda: calls.append(time.monotonic()))
        run(node, 0.5)
        assert 5 <= len(calls) <= 26, len(calls)
        timer.cancel()
        count = len(calls)
        run(node, 0.1)
        assert timer.is_canceled() and len(calls) == count
        timer.reset()
        run(node, 0.1)
        assert count < len(calls) <= count + 7


def check_a_late_timer_skips_the_periods_it_missed():
    with alone() as node:
        calls = []
        node.create_timer(0.02, lambda: calls.append(time.sleep(0.11 if not calls else 0)))
        run(node, 0.21)
        assert 3 <= len(calls) <= 7, len(calls)


def check_simulated_time_drives_clock_and_timers():
    with alone("-p", "use_sim_time:=true") as node:
        publisher = node.create_publisher(ClockMessage, "/clock", 1)
        calls = []
        node.create_timer(1.0, lambda: calls.append(node.get_clock().now().nanoseconds))
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        ticks = []
        node.create_timer(0.02, lambda: ticks.append(1), clock=steady)
        assert node.get_clock().now().nanoseconds == 0

        def tell(seconds):
            message = ClockMessage()
            message.clock.sec, message.clock.nanosec = divmod(int(seconds * 1e9), 10**9)
            end = time.monotonic() + 3
            while node.get_clock().now().nanoseconds != int(seconds * 1e9) and time.monotonic() < end:
                publisher.publish(message)
                run(node, 0.03)

        for half_second in range(20, 31):
            tell(half_second / 2)
        assert node.get_clock().now() == Time(seconds=15, clock_type=ClockType.ROS_TIME)
        assert 5 <= len(calls) <= 7 and len(ticks) > 3, (calls, len(ticks))
        before = len(calls)
        tell(2.0)  # the world was reset
        for half_second in range(5, 11):
            tell(half_second / 2)
        assert len(calls) > before, "a timer must go on after the clock was set back"


def check_times_add_compare_and_convert():
    one = Time(seconds=1, nanoseconds=500, clock_type=ClockType.ROS_TIME)
    later = one + Duration(seconds=2)
    assert (later - one) == Duration(seconds=2) and later > one and (later - one).nanoseconds == 2 * 10**9
    assert one.seconds_nanoseconds() == (1, 500) and Time.from_msg(one.to_msg()) == one
    raises(TypeError, lambda: one < Time(seconds=2, clock_type=ClockType.SYSTEM_TIME))
    raises(ValueError, Time, seconds=-1)
    with alone() as node:
        now = node.get_clock().now()
        assert now.clock_type == ClockType.ROS_TIME and abs(now.nanoseconds - time.time_ns()) < 10**9
        assert Clock(clock_type=ClockType.STEADY_TIME).now().clock_type == ClockType.STEADY_TIME


class Overlap:
    """Counts how many calls run at once."""

    def __init__(self):
        self.running = self.most = self.calls = 0
        self.lock = threading.Lock()

    def __call__(self):
        with self.lock:
            self.running += 1
            self.calls += 1
            self.most = max(self.most, self.running)
        time.sleep(0.05)
        with self.lock:
            self.running -= 1


def check_callback_groups_say_what_runs_at_once():
    for group, alike in (
        (MutuallyExclusiveCallbackGroup(), lambda n: n == 1),
        (ReentrantCallbackGroup(), lambda n: n > 1),
    ):
        with Spinning("alone") as one:
            overlap = Overlap()
            for _ in range(3):
                one.node.create_timer(0.01, overlap, group)
            until(lambda overlap=overlap: overlap.calls >= 6)
            assert alike(overlap.most), overlap.most


def check_an_error_in_a_callback_ends_spin():
    for kind in (SingleThreadedExecutor, MultiThreadedExecutor):
        with alone() as node:

            def fail():
                raise LookupError("on purpose")

            node.create_timer(0.01, fail)
            executor = kind(context=node.context)
            executor.add_node(node)
            raises(LookupError, executor.spin)
            executor.shutdown()


def check_spin_once_returns_after_its_timeout():
    with alone() as node:
        run(node, 0.2)
        start = time.monotonic()
        rclpy.spin_once(node, executor=SingleThreadedExecutor(context=node.context), timeout_sec=0.1)
        assert time.monotonic() - start < 1.0


def check_a_future_is_waited_for_and_calls_back():
    with alone() as node:
        node.create_service(Trigger, "hit", lambda _, answer: Trigger.Response(success=True, message="yes"))
        client = node.create_client(Trigger, "hit")
        until(client.service_is_ready)
        future, seen = client.call_async(Trigger.Request()), []
        future.add_done_callback(lambda done: seen.append(done.result().message))
        executor = SingleThreadedExecutor(context=node.context)
        executor.add_node(node)
        executor.spin_until_future_complete(future, timeout_sec=5.0)
        assert future.done() and future.result().message == "yes"
        until(lambda: executor.spin_once(timeout_sec=0.02) or seen)
        never = rclpy.task.Future()
        start = time.monotonic()
        executor.spin_until_future_complete(never, timeout_sec=0.2)
        assert not never.done() and 0.15 < time.monotonic() - start < 2.0


def check_other_threads_wake_the_executor():
    with Spinning("alone") as one:
        seen = []
        guard = one.node.create_guard_condition(lambda: seen.append(threading.current_thread()))
        guard.trigger()
        until(lambda: seen)
        assert seen[0] is not threading.main_thread()
        assert result(one.executor.create_task(lambda a, b: a + b, 1, 2)) == 3


def check_shutdown_ends_spin_and_forbids_publishing():
    with contextlib.suppress(RuntimeError), alone() as node:
        told = []
        node.context.on_shutdown(lambda: told.append(1))
        publisher = node.create_publisher(String, "out", 1)
        executor = SingleThreadedExecutor(context=node.context)
        executor.add_node(node)
        threading.Timer(0.2, node.context.try_shutdown).start()
        with contextlib.suppress(ExternalShutdownException):
            executor.spin()
        assert not node.context.ok()
        until(lambda: told)
        raises(RuntimeError, publisher.publish, String())
        raises(RuntimeError, node.context.shutdown)


def logged(action):
    """What `action` writes to stderr, also below Python."""
    with tempfile.TemporaryFile("w+") as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            action()
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        file.seek(0)
        return file.read().splitlines()


def check_a_logger_writes_level_time_name_and_text():
    with alone() as node:
        logger = node.get_logger()
        (line,) = logged(lambda: logger.warning("careful"))
        level, stamp, rest = line.split("] ", 2)
        assert level == "[WARN" and rest == "[alone]: careful" and abs(float(stamp[1:]) - time.time()) < 5, line
        assert not logged(lambda: logger.debug("details"))
        (line,) = logged(lambda: logger.get_child("part").error("broken"))
        assert line.startswith("[ERROR]") and line.endswith("[alone.part]: broken")
        logger.set_level(rclpy.logging.LoggingSeverity.ERROR)
        assert not logged(lambda: logger.info("quiet")) and len(logged(lambda: logger.fatal("loud"))) == 1


def check_a_logger_writes_once_or_seldom_when_told():
    with alone(name="seldom") as node:
        logger = node.get_logger()

        def repeat():
            for number in range(10):
                logger.info(f"once {number}", once=True)
                logger.info(f"seldom {number}", throttle_duration_sec=0.05)
                time.sleep(0.02)

        lines = logged(repeat)
        once, seldom = ([line for line in lines if word in line] for word in ("once", "seldom "))
        assert len(once) == 1 and once[0].endswith("once 0") and 2 <= len(seldom) < 10, lines


def check_nothing_but_ros_arguments_follows_ros_args():
    raises(Exception, lambda: alone("--no-such-flag").__enter__())
    with contextlib.redirect_stderr(io.StringIO()):
        raises(Exception, lambda: alone("-p", "no_value").__enter__())
