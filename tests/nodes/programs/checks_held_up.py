"""A node of the launched graph is held up in the middle of a motion: nothing goes on that should not."""

import os
import signal
import time

from faulty_graph import SLOW, TWIST, Launch, observed
from graph_tools import until
from qtopt_msgs.msg import SafetyStatus

AGES = {"ages": {"camera": 5.0, "gripper": 5.0, "pose": 5.0, "command": 5.0, "driver": 2.0}}  # a busy machine is late


def check_a_driver_held_up_is_overruled_and_holds_until_resumed():
    with observed() as (arm, root), Launch(root, SLOW | TWIST | AGES) as launch:
        arm.mid_motion()
        driver = launch.processes()["arm_driver"]
        os.kill(driver, signal.SIGSTOP)
        until(arm.at_rest, "the guard's stop")
        os.kill(driver, signal.SIGCONT)
        until(lambda: arm.state() == SafetyStatus.HOLDING, "held")
        arm.told_to_stop()
        heard = len(arm.setpoints)
        time.sleep(1.0)
        assert not any(twist.twist.linear.x or twist.twist.linear.y for twist in arm.setpoints[heard:])
        assert launch.said().count("has died") == 1, launch.said()
        arm.resumed()
        arm.grasped()


def check_a_guard_held_up_blames_nobody():
    with observed() as (arm, root), Launch(root, SLOW | AGES) as launch:
        arm.mid_motion()
        guard = launch.processes()["stop_guard"]
        os.kill(guard, signal.SIGSTOP)
        time.sleep(3.0)
        os.kill(guard, signal.SIGCONT)
        arm.grasped()
        assert "has died" not in launch.said() and "the stop guard has fallen silent" in launch.said(), launch.said()
