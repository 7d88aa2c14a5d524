"""The whole graph as it is launched: it grasps, survives the loss of its parts, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from graph_tools import Spinning, folder, until
from model_tools import put
from qtopt_msgs.action import Grasp
from qtopt_msgs.msg import SafetyStatus
from rclpy.action import ActionClient


@contextmanager
def launched(root, *arguments):
    """`qtopt launch grasp`, or `ros2 launch` where ROS 2 is."""
    words = ["grasp", "simulator:=mujoco", f"model:={put(root / 'store', 'first')}", "arm_on_start:=true", *arguments]
    command = [sys.executable, "-m", "qtopt_agent.cli.main", "launch", *words]
    if "AMENT_PREFIX_PATH" in os.environ:
        command = ["ros2", "launch", "qtopt_agent", "grasp.launch.py", *words[1:]]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=30)[0].decode()
        process.printed = output


def children(pid):
    """Every process below `pid`, by the command of its node."""
    found = {}
    for entry in Path("/proc").iterdir():
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError, IndexError):
            continue
        if parent == pid:
            node = next((w.decode()[8:] for w in words if w.startswith(b"__node:=")), None)
            if node:
                found[node] = int(entry.name)
    return found


class Listener:
    """The driver's status, and the agent's action."""

    def __init__(self, node):
        self.states = []
        node.create_subscription(SafetyStatus, "/qtopt/safety", self.states.append, 10)
        self.grasp = ActionClient(node, Grasp, "/qtopt/grasp")

    def armed(self):
        return self.states and self.states[-1].state == SafetyStatus.ARMED

    def mid_motion(self):
        until(self.armed, "armed")
        until(self.grasp.server_is_ready, "the agent")

        def moves():
            self.grasp.send_goal_async(Grasp.Goal())  # refused while one is under way
            return self.states[-1].moving

        until(moves, "a motion")


def alive(pid):
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def check_started_and_stopped_it_leaves_no_process():
    with folder() as root, Spinning("probe") as probe:
        heard = Listener(probe.node)
        for number in (signal.SIGINT, signal.SIGTERM):
            with launched(root / str(number)) as process:
                until(heard.armed, "armed")
                nodes = children(process.pid)
                assert {"agent", "arm_driver", "simulator", "stop_guard"} <= set(nodes), nodes
                process.send_signal(number)
                process.wait(30)
            until(lambda nodes=nodes: not any(map(alive, nodes.values())), "all have ended", 10.0)
            heard.states.clear()


def check_an_agent_killed_in_mid_motion_leaves_a_hand_at_rest():
    with folder() as root, Spinning("probe") as probe:
        heard = Listener(probe.node)
        with launched(root) as process:
            heard.mid_motion()
            nodes = children(process.pid)
            os.kill(nodes["agent"], signal.SIGKILL)
            until(lambda: not any(map(alive, nodes.values())), "all have ended")
        assert heard.states[-1].state == SafetyStatus.DISARMED and not heard.states[-1].moving


def check_a_killed_launcher_takes_its_nodes_with_it_and_the_arm_stops_first():
    with folder() as root, Spinning("probe") as probe:
        heard = Listener(probe.node)
        with launched(root) as process:
            heard.mid_motion()
            nodes = children(process.pid)
            process.kill()
            until(lambda: not any(map(alive, nodes.values())), "all have ended")
        assert heard.states[-1].state == SafetyStatus.DISARMED


def check_a_driver_killed_in_mid_motion_leaves_a_hand_at_rest():
    with folder() as root, Spinning("probe") as probe:
        heard = Listener(probe.node)
        with launched(root) as process:
            heard.mid_motion()
            nodes = children(process.pid)
            os.kill(nodes["arm_driver"], signal.SIGKILL)
            until(lambda: not any(map(alive, nodes.values())), "all have ended")
        assert "the arm has been told to stop" in process.printed, process.printed


def check_attempts_end_the_graph_and_count():
    with folder() as root:
        result = root / "result.json"
        with launched(root, "grasps:=2", f"result:={result}", "arm_on_start:=false") as process:
            process.wait(60)
        assert result.exists(), process.printed
        assert '"episodes": 2' in result.read_text() and '"safety_stop": 0' in result.read_text(), result.read_text()
        assert process.returncode == 0, process.printed
