"""With keys made of our SROS2 policy the graph grasps, and nobody without the right ones can command the arm."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from graph_tools import folder, started, until
from model_tools import put

from qtopt_agent.core.shared_files import shared
from qtopt_agent.episodes.reader import find_episodes
from qtopt_agent.graph.description import build

ROS2 = [sys.executable, "-c", "import sys; from ros2cli.cli import main; sys.exit(main())"]
VISITOR = Path(__file__).with_name("visitor.py")


def keys(root):
    """Keys of everybody in the policy, for this domain."""
    if find_spec("sros2") is None:
        raise RuntimeError("SKIP: sros2 is not installed here")
    policy = shared("config/sros2_policy.xml")
    for words in (["create_keystore", root], ["generate_artifacts", "-k", root, "-p", policy]):
        subprocess.run([*ROS2, "security", *map(str, words)], check=True, capture_output=True)
    return root


@contextmanager
def enforced(keystore):
    """Whatever is started meanwhile has to show its keys."""
    settings = {"ENABLE": "true", "STRATEGY": "Enforce", "KEYSTORE": str(keystore)}
    os.environ.update({f"ROS_SECURITY_{name}": value for name, value in settings.items()})
    try:
        yield
    finally:
        for name in settings:
            del os.environ[f"ROS_SECURITY_{name}"]


def secured(root, **arguments):
    """The nodes of the grasp graph, each with its enclave."""
    given = {"simulator": "mujoco", "model": str(put(root / "store", "first")), **arguments}
    return [
        replace(node, arguments=("--ros-args", "--enclave", f"/qtopt/{node.name}")) for node in build("grasp", given)
    ]


def visit(patience, name, *arguments):
    """What `visitor.py` was able to do."""
    command = [sys.executable, VISITOR, name, str(patience), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=patience + 60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def check_with_its_keys_the_graph_grasps_and_records():
    with folder() as root:
        result = root / "result.json"
        with enforced(keys(root / "keys")):
            nodes = secured(root, grasps="3", result=str(result), record=str(root / "episodes"))
            with started(nodes) as graph:
                assert graph.wait(lambda: graph.ended("attempts")) == 0
        assert json.loads(result.read_text())["episodes"] == 3
        assert len(list(find_episodes(root / "episodes"))) == 3


def check_only_the_holder_of_the_agents_keys_can_command():
    with folder() as root:
        keystore, foreign = keys(root / "keys"), keys(root / "foreign")
        operator = "operator", "--ros-args", "--enclave", "/qtopt/operator"
        agent = "agent", "--ros-args", "--enclave", "/qtopt/agent"
        with ExitStack() as stack:
            with enforced(keystore):
                stack.enter_context(started(secured(root)))
                until(lambda: visit(4.0, *operator)["writers"], "the driver speaks")
            seen = visit(4.0, "visitor")  # no keys at all
            assert seen == {"heard": {"image": 0, "safety": 0}, "writers": [], "refused": [], "met": []}, seen
            with enforced(foreign):  # keys of the same names, signed by somebody else
                seen = visit(4.0, *agent)
            assert seen["heard"] == {"image": 0, "safety": 0} and not seen["met"], seen
            with enforced(keystore):
                seen = until(lambda: (seen := visit(4.0, *operator))["writers"] and seen["met"] and seen, "it answers")
                assert seen["refused"] == ["command", "image", "pose"], seen
                console = os.environ | {"ROS_SECURITY_ENCLAVE_OVERRIDE": operator[-1]}
                call = [*ROS2, "service", "call", "/arm_driver/arm", "std_srvs/srv/SetBool", "{data: true}"]
                said = subprocess.run(call, env=console, capture_output=True, text=True, timeout=60).stdout
                assert "SetBool_Response" in said, said
                assert seen["writers"] == [""] and seen["met"] == ["arm"], seen  # nobody's command has arrived yet
                seen = visit(60.0, *agent)
            assert seen["writers"][-1] == "agent" and seen["refused"] == ["arm", "pose"], seen
