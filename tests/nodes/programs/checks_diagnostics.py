"""Every node of the graph diagnoses itself, in the form that diagnostic_updater has made the custom."""

import time
from importlib.util import find_spec

from checks_camera import pictures
from diagnostic_msgs.msg import DiagnosticArray
from graph_tools import Diagnosed, Spinning, folder, running, until
from model_tools import put

from qtopt_agent.core.shared_files import shared
from qtopt_agent.nodes.diagnostics import Diagnostics
from qtopt_agent.safety.arm_profile import read_parameters

EXPECTED = {  # values that an operator looks for
    "agent": {"longest time from image to command, s", "oldest image on arrival, s", "images dropped"},
    "arm_driver": {"commands cut or refused", "stops", "age of camera, s", "age of gripper, s", "age of pose, s"},
    "camera": {"rate Hz", "stalls"},
    "episode_logger": {"disk left, GiB", "dropped", "lost"},
    "simulator": {"longest time between two moves, s"},
    "stop_guard": {"driver silent for, s"},
    "success_detector": {"age of gripper state, s", "age of picture, s"},
    "trainer": {"steps", "episodes"},
}


def check_every_node_says_how_it_does():
    arm = read_parameters(shared("config/arms/mujoco.yaml"))
    with folder() as root, Spinning("probe") as probe:
        (root / "pictures").mkdir()
        pictures(root / "pictures")
        heard = Diagnosed(probe.node)
        nodes = {
            "agent": {"autostart": True, "model": str(put(root / "store", "first"))},
            "arm_driver": {"autostart": True, **arm},
            "camera": {"source": "folder", "device": str(root / "pictures"), "rate": 20.0},
            "episode_logger": {"folder": str(root / "episodes"), "disk.stop": 0.0, "disk.go_on": 0.001},
            "simulator": {},
            "stop_guard": arm,
            "success_detector": {},
            "trainer": {"episodes": str(root / "episodes"), "model": str(root / "store"), "run": str(root / "run")},
        }
        with running(*nodes.items()):
            until(lambda: heard.statuses.keys() >= nodes.keys(), "diagnostics of all nodes")
            for name, keys in EXPECTED.items():
                until(lambda: keys <= heard.by_name[name][2].keys(), f"the values of {name}")  # noqa: B023
                status = heard.statuses[name]
                assert status.name.count(": ") == 1 and status.message and status.hardware_id, status
            assert heard.statuses["camera"].hardware_id == f"folder {root / 'pictures'}"
            until(lambda: heard.level("success_detector") == 0, "the detector is content")
        began = time.monotonic()
        arrays = []
        probe.node.create_subscription(DiagnosticArray, "/diagnostics", arrays.append, 10)
        with running(("stop_guard", arm)):
            until(lambda: len(arrays) == 3, "three rounds")
            assert time.monotonic() - began > 1.9  # one a second, not more


def check_they_are_what_diagnostic_updater_sends():
    if find_spec("diagnostic_updater") is None:
        raise RuntimeError("SKIP: diagnostic_updater is not installed here")
    from diagnostic_updater import Updater

    def report(status):
        status.summary(b"\x01", "warm")
        status.add("temperature, C", "41")
        return status

    with Spinning("arm", "probe") as probe:
        arm, listener = probe.nodes
        arrays = []
        listener.create_subscription(DiagnosticArray, "/diagnostics", arrays.append, 10)
        updater = Updater(arm)
        updater.setHardwareID("none")
        updater.add("heat", report)
        Diagnostics(arm, "heat", lambda: (1, "warm", {"temperature, C": 41}))
        until(lambda: len([a for a in arrays if a.status[0].level == b"\x01"]) >= 4, "both have spoken")
        last = [a.status[0] for a in arrays if a.status[0].level == b"\x01"][-2:]
        assert last[0] == last[1], last
        assert updater.publisher.topic_name == "/diagnostics" and updater.period == 1.0
