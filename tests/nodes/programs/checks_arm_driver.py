"""The arm driver with everything around it going wrong: the last that the arm hears is a stop."""

import os
import signal
import time
from contextlib import ExitStack, contextmanager

import numpy as np
from arm_tools import Arm, driver
from control_msgs.action import GripperCommand as GripperAction
from geometry_msgs.msg import TwistStamped
from graph_tools import Diagnosed, Spinning, running, started, until
from harness import alone, raises
from qtopt_msgs.msg import GraspCommand
from qtopt_msgs.msg import SafetyStatus as Status
from rclpy.action import ActionServer, GoalResponse
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Bool

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.graph import settings
from qtopt_agent.graph.parameters import declare
from qtopt_agent.standalone.processes import NodeDescription

QUICK = {"ages": {"camera": 0.4, "gripper": 1.0, "pose": 1.0, "command": 0.5, "driver": 0.3}}


def held_up(pid, seconds):
    """A process that the machine does not let run for a while."""
    os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    os.kill(pid, signal.SIGCONT)


@contextmanager
def guarded(**changes):
    """An armed driver with a stop guard."""
    name, parameters = driver(**changes)
    guard = ("stop_guard", {key: value for key, value in parameters.items() if key != "autostart"})
    with running((name, parameters), guard) as graph, Spinning("probe") as probe, Arm(probe.node) as arm:
        arm.armed()
        lives = []
        probe.node.create_subscription(Bool, "/qtopt/guard", lives.append, 10)
        until(lambda: len(lives) > 1, "the guard")
        yield arm, graph


@contextmanager
def armed(**changes):
    with running(driver(**changes)) as graph, Spinning("probe") as probe, Arm(probe.node) as arm:
        arm.graph = graph
        arm.armed()
        yield arm


def check_it_is_disarmed_at_first_and_says_so_to_a_command():
    with running(driver()), Spinning("probe") as probe, Arm(probe.node) as arm:
        until(lambda: arm.states, "a status")
        assert arm.status().state == Status.DISARMED
        until(arm.commands.get_subscription_count, "the driver listens")
        until(lambda: arm.command(x=0.02) or Status.NOT_ARMED in arm.status().cuts, "the command is refused")
        assert not arm.twists


def check_who_disarms_a_driver_that_would_have_armed_itself_is_obeyed():
    with running(driver(arm_on_start=True)), Spinning("probe") as probe:
        arm = Arm(probe.node)
        assert arm.clients["arm"].wait_for_service(30.0)
        assert arm.arm(False).success
        with arm:
            until(lambda: arm.states, "a status")
            time.sleep(1.0)  # in which it hears all that it needs
            assert {status.state for status in arm.states} == {Status.DISARMED}
            arm.armed()


def check_a_driver_without_a_workspace_does_not_start():
    with running(("arm_driver", {"autostart": True, "pose_topic": "/arm/pose"})) as graph:
        until(lambda: graph.ended("arm_driver"), "it ends")
    assert "workspace.low is missing" in graph.said()  # its last words


def check_a_setting_that_no_node_has_is_refused_by_name():
    with alone("-p", "limits.sped:=0.02") as node:
        refused = raises(InvalidInput, declare, node, settings.ARM_DRIVER)
        assert "limits.sped" in str(refused) and "limits.speed" in str(refused), refused
    with alone("-p", "image_age:=0.2", "-p", "use_sim_time:=false") as node:  # the agent's, in a file for both
        declare(node, settings.ARM_DRIVER)


def check_two_arms_each_in_a_namespace_do_not_hear_each_other():
    name, parameters = driver()
    sides = ["left", "right"]
    nodes = [NodeDescription(name, f"qtopt_agent.nodes.{name}", parameters, namespace=side) for side in sides]
    with ExitStack() as stack:
        stack.enter_context(started(nodes))
        spaces = [["--ros-args", "-r", f"__ns:=/{side}"] for side in sides]
        probes = [stack.enter_context(Spinning("probe", args=space)) for space in spaces]
        left, right = (stack.enter_context(Arm(probe.node)) for probe in probes)
        diagnosed = Diagnosed(right.node)
        left.armed()
        left.moving()
        until(lambda: {"left/arm_driver", "right/arm_driver"} <= diagnosed.by_name.keys(), "each says who it is")
        assert right.states and not right.twists and right.position[0] == 0.0
        assert {(status.state, status.asked.writer) for status in right.states} == {(Status.DISARMED, "")}


def check_a_grippers_server_is_waited_for_and_asked_again_until_it_obeys():
    refusals, heard = [True, True], []

    def on_goal(goal):
        heard.append(goal.command.position)
        return GoalResponse.REJECT if refusals and refusals.pop() else GoalResponse.ACCEPT

    def execute(handle):
        handle.abort()  # as some do that hold an object
        return GripperAction.Result(stalled=True)

    hand = {"gripper": {"interface": "gripper_command", "name": "hand/gripper_cmd"}}
    with running(driver(**hand)) as graph, Spinning("probe") as probe, Arm(probe.node) as arm:
        diagnosed = Diagnosed(probe.node)
        absent = "the gripper's action server /hand/gripper_cmd is not there"
        assert arm.clients["arm"].wait_for_service(30.0)
        until(lambda: arm.arm().message == absent, "arming is refused for it")
        until(lambda: diagnosed.by_name.get("arm_driver", (0, ""))[1] == absent, "it is in the diagnostics")
        server = ActionServer(probe.node, GripperAction, "hand/gripper_cmd", execute, goal_callback=on_goal)
        arm.armed()
        arm.moving(x=0.06, gripper=GraspCommand.CLOSE)
        arm.repeating()
        until(lambda: "refuses to close" in arm.status().text, "the refusal is told")
        until(lambda: len(heard) == 3 and "refuses" not in arm.status().text, "it obeys")
        time.sleep(1.0)
        assert heard == [0.0] * 3 and graph.said().count("refuses to close") == 1, (heard, graph.said())
        server.destroy()


def check_a_motion_is_carried_out_and_ends():
    with armed() as arm:
        arm.orientation = (0.05, 0.0, 0.0, 0.9987)  # it leans by 0.1 rad about x
        start = arm.position
        arm.moving(x=0.03, model_version="compact-1", inference_stamp=arm.stamp(5 * 10**9), q=0.75)
        until(lambda: arm.status().asked.sequence == arm.sequence, "heard")
        asked = arm.status().asked
        assert (asked.q, asked.model_version, asked.inference_stamp.sec) == (0.75, "compact-1", 5), asked
        arm.repeating()
        until(lambda: not arm.status().moving, "it ends")
        assert abs((arm.position - start)[0] - 0.03) < 0.015, arm.position - start
        assert max(np.linalg.norm(twist) for twist in arm.twists) < 0.0501
        assert min(turn[0] for turn in arm.turns) < -0.05, "the tool is straightened on the way"
        arm.stands()


def check_a_command_out_of_the_box_is_cut_and_both_are_told():
    with armed(limits={"speed": 0.3, "acceleration": 2.0}) as arm:
        arm.moving(x=0.5)
        until(lambda: arm.status().asked.sequence == arm.sequence, "heard")
        status = arm.status()
        arm.repeating()
        until(lambda: not arm.status().moving, "it ends")
        assert {Status.WORKSPACE, Status.TRANSLATION} <= set(status.cuts)
        assert status.asked.translation.x == 0.5 and 0.1 < status.allowed.translation.x <= 0.1101
        arm.command(z=-0.5)
        until(lambda: arm.status().asked.sequence == arm.sequence, "heard")
        until(lambda: not arm.status().moving, "it ends")
        assert arm.position[2] > -0.01


def check_a_silent_agent_stops_the_arm_until_somebody_resumes():
    with armed(**QUICK) as arm:
        arm.moving()
        arm.stopped_for(Status.COMMAND_STALE)
        arm.command(x=0.03)
        until(lambda: Status.NOT_ARMED in arm.status().cuts, "refused")
        assert arm.resume().success
        arm.moving(x=0.03)


def check_a_frozen_camera_stops_the_arm():
    with armed(**QUICK) as arm:
        arm.moving()
        arm.repeating()
        arm.frozen_at = arm.stamp(arm.clock())
        arm.stopped_for(Status.CAMERA_STALE)


def check_a_camera_at_2_hz_stops_the_arm():
    with armed(**QUICK) as arm:
        arm.moving(x=0.1)
        arm.repeating()
        arm.camera_period = 0.5
        arm.stopped_for(Status.CAMERA_STALE)


def check_a_pose_that_is_nan_stops_the_arm():
    with armed() as arm:
        arm.moving()
        arm.repeating()
        arm.position = np.array([np.nan, 0.0, 0.15])
        until(lambda: arm.status().state in (Status.STOPPING, Status.HOLDING), "stopped")
        arm.stopped_for(Status.NOT_FINITE)


def check_a_command_that_is_nan_stops_the_arm():
    with armed() as arm:
        arm.moving()
        arm.command(x=float("nan"))
        arm.stopped_for(Status.NOT_FINITE)


def check_two_agents_stop_the_arm():
    with armed() as arm:
        arm.moving()
        arm.command(x=-0.05, writer="another")
        arm.stopped_for(Status.SECOND_WRITER)


def check_a_clock_that_jumps_back_stops_the_arm():
    with running((*driver()[:1], {**driver()[1], "use_sim_time": True})), Spinning("probe") as probe:
        begin, offset = time.monotonic_ns(), [100 * 10**9]
        clock = lambda: time.monotonic_ns() - begin + offset[0]  # noqa: E731
        with Arm(probe.node, clock) as arm:
            out = probe.node.create_publisher(Clock, "/clock", 10)
            probe.node.create_timer(0.01, lambda: out.publish(Clock(clock=arm.stamp(clock()))))
            arm.armed()
            arm.moving()
            arm.repeating()
            offset[0] -= 50 * 10**9
            arm.stopped_for(Status.CLOCK_JUMP)


def check_a_clock_below_zero_ends_driver_and_guard_after_a_stop():
    name, parameters = driver()
    described = (name, parameters | {"use_sim_time": True})
    guard = ("stop_guard", {key: value for key, value in described[1].items() if key != "autostart"})
    with running(described, guard) as graph, Spinning("probe") as probe:
        begin = time.monotonic_ns() - 100 * 10**9
        with Arm(probe.node, lambda: time.monotonic_ns() - begin) as arm:
            out = probe.node.create_publisher(Clock, "/clock", 10)
            clock = probe.node.create_timer(0.01, lambda: out.publish(Clock(clock=arm.stamp(arm.clock()))))
            arm.armed()
            arm.moving()
            arm.repeating()
            clock.cancel()
            below = Clock()
            below.clock.sec = -5
            probe.node.create_timer(0.01, lambda: out.publish(below))
            until(lambda: not arm.twists[-1].any(), "a stop")
            arm.stands()
            until(lambda: graph.ended("arm_driver") or arm.status().state == Status.HOLDING, "it says what is wrong")


def check_100_times_armed_and_disarmed():
    with armed() as arm:
        for _ in range(100):
            assert arm.arm(False).success
            until(lambda: arm.arm().success, "armed again")
        arm.moving()
        assert arm.arm(False).success
        until(lambda: arm.status().state == Status.DISARMED, "disarmed")
        arm.stands()


def check_a_driver_that_is_asked_to_end_stops_the_arm_first():
    for number in (signal.SIGINT, signal.SIGTERM):
        with armed() as arm:
            arm.moving()
            os.kill(arm.graph.pid("arm_driver"), number)
            until(lambda: arm.graph.ended("arm_driver"), "it ends")
            arm.stands()


def check_who_else_publishes_set_points_is_named_and_the_arm_stops():
    with armed() as arm, Spinning("intruder") as intruder:
        arm.moving()
        arm.repeating()
        out = intruder.node.create_publisher(TwistStamped, "/arm/target_twist", 10)
        arm.stopped_for(Status.FOREIGN_SETPOINTS)
        assert "/intruder on arm/target_twist" in arm.status().text, arm.status()
        assert "/intruder" in arm.resume().message
        intruder.node.destroy_publisher(out)
        until(lambda: arm.resume().success, "resumed once it has gone")


def check_a_driver_that_was_held_up_holds_until_resumed():
    with armed(ages={"camera": 5.0, "gripper": 5.0, "pose": 5.0, "command": 5.0, "driver": 0.3}) as arm:
        for seconds in (0.6, 2.0):
            arm.moving()
            arm.repeating()
            held_up(arm.graph.pid("arm_driver"), seconds)
            arm.stopped_for(Status.DRIVER_LATE)
            until(lambda: arm.resume().success, "resumed")


def check_a_guard_that_was_held_up_says_nothing():
    with guarded() as (arm, graph):
        arm.moving(x=0.1)
        arm.repeating()
        held_up(graph.pid("stop_guard"), 2.5)
        time.sleep(1.0)  # in which it would speak
        assert arm.status().state == Status.ARMED and "has died" not in graph.said(), graph.said()
        until(lambda: "the stop guard has fallen silent" in graph.said(), "its silence is told")


def check_a_driver_that_ends_while_it_holds_leaves_the_guard_nothing_to_say():
    with guarded(**QUICK) as (arm, graph):
        arm.moving()
        arm.stopped_for(Status.COMMAND_STALE)
        os.kill(graph.pid("arm_driver"), signal.SIGINT)
        until(lambda: graph.ended("arm_driver"), "it ends")
        assert arm.status().state == Status.DISARMED
        time.sleep(1.0)
        assert "has died" not in graph.said(), graph.said()


def check_set_points_come_evenly_however_often_commands_do():
    with armed() as arm:
        arm.moving(x=0.1)
        stamps = []
        arm.node.create_subscription(TwistStamped, "/arm/target_twist", lambda m: stamps.append(m.header.stamp), 100)
        for _ in range(100):
            arm.command(new=False)
            time.sleep(0.005)
        apart = np.diff([stamp.sec + stamp.nanosec * 1e-9 for stamp in stamps])
        assert np.median(apart) > 0.005 and np.quantile(apart, 0.1) > 0.003, apart  # 0.01 at rest; it may be busy


def check_what_is_no_measurement_does_not_count_as_one():
    with running(driver()) as graph, Spinning("probe") as probe, Arm(probe.node) as arm:
        assert arm.clients["arm"].wait_for_service(30.0)
        for name, value, said in (
            ("orientation", (0.0, 0.0, 0.0, 0.0), "orientation is"),
            ("orientation", (0.0, 1e-310, 0.0, 0.0), "orientation is"),
            ("frame", "map", "frame 'map', expected 'world'"),
        ):
            setattr(arm, name, value)
            until(lambda said=said: said in graph.said(), said)
            time.sleep(1.2)  # longer than a pose may be old
            answer = arm.arm()
            assert not answer.success and "pose" in answer.message, (name, value, answer)
            arm.orientation, arm.frame = (0.0, 0.0, 0.0, 1.0), "world"
        arm.armed()


def check_a_driver_killed_with_9_leaves_an_arm_that_is_told_to_stop():
    with guarded() as (arm, graph):
        arm.moving()
        arm.repeating()
        time.sleep(0.2)
        os.kill(graph.pid("arm_driver"), signal.SIGKILL)
        until(lambda: not arm.twists[-1].any(), "a stop")
        arm.stands()
