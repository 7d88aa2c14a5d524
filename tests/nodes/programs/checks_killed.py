"""A node of the launched graph is killed with -9 in the middle of a motion: the last that the arm hears is a stop.

Those that only listen are no reason to stop: grasping goes on without them.
"""

import os
import signal

import cv2
import numpy as np
from faulty_graph import SLOW, TWIST, Launch, observed, wired
from graph_tools import running, until
from harness import result
from qtopt_msgs.action import Grasp
from qtopt_msgs.msg import SafetyStatus

from qtopt_agent.episodes.reader import find_episodes, find_partial

MOVED = (Grasp.Result.STEP_LIMIT, Grasp.Result.TERMINATED)


def killed_in_mid_motion(name, settings=SLOW):
    with observed() as (arm, root), Launch(root, settings) as launch:
        arm.mid_motion()
        launch.kill(name)
        launch.gone()
        arm.told_to_stop()
        return launch.said()


def check_an_agent_killed():
    killed_in_mid_motion("agent")


def check_a_simulator_killed():
    killed_in_mid_motion("simulator")


def check_a_stop_guard_killed():
    killed_in_mid_motion("stop_guard")


def check_a_driver_that_streams_poses_killed():
    said = killed_in_mid_motion("arm_driver")
    assert "the arm is told to stop" in said, said


def check_a_driver_that_streams_twists_killed():
    said = killed_in_mid_motion("arm_driver", SLOW | TWIST)
    assert "the arm is told to stop" in said, said


def check_a_launcher_killed():
    with observed() as (arm, root), Launch(root) as launch:
        arm.mid_motion()
        launch.process.kill()
        launch.gone()
        arm.told_to_stop()
        assert arm.state() == SafetyStatus.DISARMED


def check_a_camera_killed_and_started_again():
    with wired() as (arm, graph):
        graph.wires["/camera/image_raw"].change = lambda _: None
        cv2.imwrite(str(graph.root / "view.png"), np.full((48, 64, 3), 90, np.uint8))
        camera = ("camera", {"source": "folder", "device": str(graph.root), "rate": 30.0})
        with running(camera) as cameras:
            attempt = arm.mid_motion()
            os.kill(cameras.pid("camera"), signal.SIGKILL)
            arm.held_for(SafetyStatus.CAMERA_STALE)
            assert result(attempt.ended, 30.0).result.outcome == Grasp.Result.SAFETY_STOP
        with running(camera):
            arm.resumed()
            arm.grasped()


def check_a_logger_and_a_trainer_killed_do_not_disturb_and_come_back():
    with observed() as (arm, root), Launch(root, record=root / "episodes", train="true") as launch:
        until(lambda: {"episode_logger", "trainer"} <= launch.processes().keys(), "both have been started")
        until(lambda: {"episode_logger", "trainer"} <= arm.diagnosed.by_name.keys(), "both are up")
        attempt, episodes = arm.mid_motion(), root / "episodes"
        until(lambda: episodes.exists() and any(find_partial(episodes)), "it is being recorded")
        before = launch.processes()
        launch.kill("episode_logger")
        launch.kill("trainer")
        assert result(attempt.ended, 60.0).result.outcome in MOVED
        for name in ("episode_logger", "trainer"):
            until(lambda name=name: launch.processes().get(name, before[name]) != before[name], f"a new {name}")
        arm.diagnosed.by_name.clear()
        until(lambda: {"episode_logger", "trainer"} <= arm.diagnosed.by_name.keys(), "both are up again")
        assert not any(find_partial(episodes)), "what the killed logger left is whole, or gone"
        done = arm.grasped()
        until(lambda: done.episode_id in [each.name for each in find_episodes(episodes)], "it is recorded")
        assert all(status.state != SafetyStatus.HOLDING for status in arm.states)
        assert launch.process.poll() is None
