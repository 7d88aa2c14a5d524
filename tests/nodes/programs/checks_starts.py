"""The whole graph as it is launched: it grasps and counts, and stopped at any moment it leaves no process."""

import os
import random
import signal
import threading
import time

from faulty_graph import Launch, observed
from graph_tools import folder

STARTS = 20
LANES = 2  # at a time, in domains of their own


def check_20_starts_and_stops_leave_no_process():
    """Some are stopped before they are up, at a moment that nobody has chosen, some in mid-motion."""
    moments = random.Random(1)
    plan = [((signal.SIGINT, signal.SIGTERM)[i % 4 // 2], moments.uniform(0.0, 4.0)) for i in range(STARTS)]
    wrong: list[str] = []
    with folder() as root:

        def lane(first):
            environment = {"ROS_DOMAIN_ID": str(int(os.environ["ROS_DOMAIN_ID"]) + 100 * first)}
            for i in range(first, STARTS, LANES):
                number, moment = plan[i]
                with Launch(root / str(i), environment=environment) as launch:
                    time.sleep(moment)
                    launch.process.send_signal(number)
                    try:
                        launch.gone()
                    except AssertionError as error:
                        wrong.append(f"{error}, {number} after {moment:.1f} s: {launch.processes()}, {launch.said()}")

        lanes = [threading.Thread(target=lane, args=(first,)) for first in range(LANES)]
        for each in lanes:
            each.start()
        for each in lanes:
            each.join()
    assert not wrong, wrong


def check_stopped_in_mid_motion_the_arm_stands_and_no_process_is_left():
    for number in (signal.SIGINT, signal.SIGTERM):
        with observed() as (arm, root), Launch(root, record=root / "episodes") as launch:
            arm.mid_motion()
            assert {"agent", "arm_driver", "simulator", "stop_guard", "episode_logger"} <= launch.processes().keys()
            launch.process.send_signal(number)
            launch.gone()
            arm.told_to_stop()


def check_a_setting_that_makes_no_sense_ends_the_launch_and_is_named():
    with folder() as root, Launch(root, {"disk": {"stop": 3.0}}, record=root / "episodes") as launch:
        launch.gone()
        assert "expected 0 <= stop < go on" in launch.said(), launch.said()
        assert launch.process.returncode == 1


def check_attempts_end_the_graph_and_count():
    with folder() as root, Launch(root, {}, arm_on_start="false", grasps=2, result=root / "result.json") as launch:
        launch.gone()
        counted = (root / "result.json").read_text()
        assert '"episodes": 2' in counted and '"safety_stop": 0' in counted, counted
        assert launch.process.returncode == 0
