"""The whole graph while one thing after another goes wrong: the arm stops, it is said why, and grasping can go on."""

import math
import random
import subprocess
import time
from dataclasses import replace

from action_msgs.msg import GoalStatus
from faulty_graph import ARM, SLOW, wired
from graph_tools import started, until
from harness import result
from model_tools import made, put, put_broken
from qtopt_msgs.action import Grasp
from qtopt_msgs.msg import GraspCommand, SafetyStatus
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image

LEAD = ARM.lead  # m: how far the set point may be ahead of a hand that something holds up
CAMERA, JAW, POSE = "/camera/image_raw", "/gripper/joint_states", "/arm/pose"


def goes_on(arm, wire):
    """The fault is gone: somebody resumes, and the next attempt goes as it should."""
    wire.change = None
    arm.resumed()
    arm.grasped()


def check_a_frozen_camera_that_goes_on_publishing_old_stamps_stops_the_arm():
    with wired() as (arm, graph):
        attempt, camera, stamps = arm.mid_motion(), graph.wires[CAMERA], []

        def frozen(message):
            stamps.append(message.header.stamp)
            message.header.stamp = stamps[0]
            return message

        camera.change = frozen
        arm.held_for(SafetyStatus.CAMERA_STALE)
        assert result(attempt.ended, 30.0).result.outcome == Grasp.Result.SAFETY_STOP
        assert len(stamps) > 1
        goes_on(arm, camera)


def check_a_camera_at_2_hz_stops_the_arm():
    with wired(SLOW | {"ages": {"camera": 0.4}}) as (arm, graph):
        arm.mid_motion()
        camera, passed = graph.wires[CAMERA], [time.monotonic()]

        def slow(message):
            if time.monotonic() - passed[-1] < 0.5:
                return None
            passed.append(time.monotonic())
            return message

        camera.change = slow
        arm.held_for(SafetyStatus.CAMERA_STALE)
        goes_on(arm, camera)


def check_an_image_that_changes_its_size_ends_the_attempt_and_the_motion():
    with wired() as (arm, graph):
        attempt, camera = arm.mid_motion(), graph.wires[CAMERA]

        def larger(message):
            image = Image(header=message.header, height=48, width=64, encoding="rgb8", step=192)
            image.data.frombytes(bytes(48 * 192))
            return image

        camera.change = larger
        ended = result(attempt.ended, 60.0)
        assert ended.status == GoalStatus.STATUS_ABORTED and "64x48" in ended.result.message, ended.result
        arm.hears_the_agent_stop()
        until(lambda: not arm.states[-1].moving, "no motion")
        arm.told_to_stop(LEAD)
        camera.change = None
        arm.grasped()


def check_a_state_that_is_nan_stops_the_arm():
    with wired() as (arm, graph):

        def jaw(message):
            message.position = [math.nan] * len(message.position)
            return message

        def pose(message):
            message.pose.position.x = math.nan
            return message

        for topic, change in ((JAW, jaw), (POSE, pose)):
            arm.mid_motion()
            graph.wires[topic].change = change
            until(lambda: arm.state() == SafetyStatus.HOLDING, "held")
            assert SafetyStatus.NOT_FINITE in arm.states[-1].faults, arm.states[-1]
            graph.wires[topic].change = None
            arm.told_to_stop()
            goes_on(arm, graph.wires[topic])


def check_a_command_out_of_the_box_ends_at_its_edge_and_both_are_told():
    with wired({}) as (arm, _):
        until(arm.armed, "armed")
        out = arm.node.create_publisher(GraspCommand, "/qtopt/command", 10)
        until(out.get_subscription_count, "the driver listens")
        cuts = set()
        for sequence in range(1, 9):  # 8 times, from anywhere in a box of 24 cm
            message = GraspCommand(writer="somebody", sequence=sequence, q=math.nan)
            message.header.stamp = arm.node.get_clock().now().to_msg()
            message.translation.x, message.translation.z = 0.125, -0.125

            def done(sequence=sequence, message=message):
                out.publish(message)  # repeated, as an agent does
                return arm.states[-1].asked.sequence == sequence and not arm.states[-1].moving

            until(done, "the motion ends")
            status = arm.states[-1]
            assert (status.asked.sequence, status.state) == (sequence, SafetyStatus.ARMED), status
            assert status.asked.translation.z == -0.125, status.asked
            cuts |= set(status.cuts)
        assert SafetyStatus.WORKSPACE in cuts and status.allowed.translation.x < 0.125, status
        arm.told_to_stop(LEAD)


def check_two_agents_stop_the_arm_and_one_of_them_can_go_on():
    with wired() as (arm, graph):
        arm.grasped()
        with started([replace(graph.nodes["agent"], name="agent_2")]) as second:
            until(lambda: "deciding with" in second.said(), "a second agent")
            until(lambda: arm.node.count_publishers("/qtopt/command") == 2, "two of them")
            time.sleep(0.5)  # until its action can be called, too

            def both():
                arm.send()  # both take it
                return arm.state() == SafetyStatus.HOLDING

            until(both, "held")
            arm.held_for(SafetyStatus.SECOND_WRITER)
        until(lambda: arm.node.count_publishers("/qtopt/command") == 1, "one of them")
        arm.resumed()
        arm.grasped()


def check_a_bad_model_pushed_in_mid_motion_is_kept_out_and_the_old_one_goes_on():
    made("first"), made("zbroken"), made("zz")  # the newest comes last
    with wired(SLOW | {"watch": 0.2}) as (arm, graph):
        attempt = arm.mid_motion()
        put_broken(graph.root / "store", "zbroken")
        until(lambda: "new model kept out, the old one goes on" in graph.said(), "it is said")
        attempt.cancel_goal_async()
        assert result(attempt.ended, 30.0).result.outcome != Grasp.Result.SAFETY_STOP
        arm.grasped()
        assert {each.model_version for each in arm.commands} == {"first"}
        put(graph.root / "store", "zz")
        until(lambda: "deciding with model zz" in graph.said(), "a good one is taken")
        arm.grasped()
        assert arm.commands[-1].model_version == "zz"


def check_without_room_on_the_disk_grasping_goes_on_and_the_logger_says_so():
    with wired({"disk": {"stop": 5e5, "go_on": 6e5}}, record="episodes") as (arm, graph):
        goes_on_unrecorded(arm, graph)


def check_a_disk_that_fills_up_is_said_and_grasping_goes_on():
    small = {"profile": "compact"}  # pictures: the disk is to be full in the middle of an episode
    with wired(small | {"disk": {"stop": 0.0, "go_on": 0.001}}, record="episodes") as (arm, graph):
        episodes = graph.root / "episodes"
        episodes.mkdir(exist_ok=True)
        mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(episodes)]
        if subprocess.run(mount, capture_output=True).returncode != 0:
            raise RuntimeError("SKIP: mounting a small file system takes root")
        try:
            until(lambda: arm.grasped() and "gave up recording episode" in graph.said(), "it is full")
            goes_on_unrecorded(arm, graph)
        finally:
            subprocess.run(["umount", "--lazy", str(episodes)], check=True)


def goes_on_unrecorded(arm, graph):
    arm.grasped()
    until(lambda: "NOT recording episode" in graph.said(), "it is said")
    until(lambda: arm.diagnosed.level("episode_logger") == 2, "diagnostics say so")
    last = arm.grasped()
    assert not list((graph.root / "episodes").rglob(last.episode_id))
    assert all(status.state != SafetyStatus.HOLDING for status in arm.states)


def check_a_simulated_clock_that_jumps_back_stops_the_arm():
    with wired(clock="true") as (arm, graph):
        offset = [100]  # s

        def shifted(message):
            stamp = message.clock if isinstance(message, Clock) else message.header.stamp
            stamp.sec += offset[0]
            return message

        for wire in graph.wires.values():
            wire.change = shifted
        until(lambda: arm.states and arm.states[-1].header.stamp.sec >= 100, "the driver's clock has gone on")
        if arm.state() == SafetyStatus.HOLDING:  # the clock began to lead a little before or after the stamps
            arm.resumed()
        attempt = arm.mid_motion()
        offset[0] -= 50
        arm.held_for(SafetyStatus.CLOCK_JUMP)
        assert result(attempt.ended, 30.0).result.outcome == Grasp.Result.SAFETY_STOP
        assert arm.states[-1].header.stamp.sec < 100
        arm.resumed()
        arm.grasped()


def check_an_attempt_is_cancelled_at_every_step():
    steps = 5
    with wired({"limits": {"speed": 0.15, "acceleration": 2.0}}) as (arm, _):
        until(arm.armed, "armed")
        arm.grasped()
        until(lambda: arm.commands, "the agent is heard")
        for step in range(steps):
            for phase in (Grasp.Feedback.OBSERVING, Grasp.Feedback.MOVING):
                attempt = until(lambda step=step, phase=phase: reached(arm, step, phase, steps), f"step {step}")
                assert result(attempt.cancel_goal_async(), 30.0).goals_canceling
                ended = result(attempt.get_result_async(), 30.0)
                assert ended.status == GoalStatus.STATUS_CANCELED, ended
                assert ended.result.outcome == Grasp.Result.CANCELLED and ended.result.steps >= step, ended.result
                arm.hears_the_agent_stop()
                until(lambda: not arm.states[-1].moving, "no motion")
                arm.told_to_stop(LEAD)  # no fault: it may lean on what it has met
        arm.grasped()


def reached(arm, step, phase, steps):
    """An attempt that has come to this step and phase; None where the policy has ended it before."""
    if arm.state() == SafetyStatus.HOLDING:  # a machine that is too busy for strict limits
        arm.resumed()
    arm.feedback.clear()
    arm.commands.clear()
    attempt = arm.begun(max_steps=steps, seed=random.randrange(1000))
    ended = attempt.get_result_async()
    while not ended.done():
        if any((said.step, said.phase) == (step, phase) for said in list(arm.feedback)):
            return attempt
        time.sleep(0.002)
    return None


def check_100_times_armed_and_disarmed():
    with wired() as (arm, _):
        until(arm.armed, "armed")
        for _ in range(100):
            assert arm.arm(False).success
            until(lambda: arm.state() == SafetyStatus.DISARMED, "disarmed")
            until(lambda: arm.arm().success, "armed")
            until(arm.armed, "armed")
        attempt = arm.mid_motion()
        assert arm.arm(False).success
        assert result(attempt.ended, 30.0).result.outcome == Grasp.Result.SAFETY_STOP
        until(lambda: arm.state() == SafetyStatus.DISARMED, "disarmed")
        arm.told_to_stop()
