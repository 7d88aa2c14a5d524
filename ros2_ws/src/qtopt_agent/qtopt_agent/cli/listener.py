"""A node that a command starts, to hear from it what is in a running graph."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any


def heard_by(node: str, parameters: Mapping[str, str | float], namespace: str = "") -> Any:
    """What the node of that name prints last, as JSON; on ROS 2 where it is installed. Raises QtoptError."""
    from qtopt_agent.core.errors import QtoptError

    command, environment = node_command(node, parameters, namespace)
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0 or not done.stdout.strip():
        raise QtoptError(f"could not look at the graph: the node {node} ended with exit code {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def node_command(node: str, parameters: Mapping[str, Any], namespace: str = "") -> tuple[list[str], dict[str, str]]:
    """The words and the environment that start the node of that name, on ROS 2 where it is installed."""
    from qtopt_agent.standalone.hooks import ros_is_installed
    from qtopt_agent.standalone.processes import loopback

    module, environment = f"qtopt_agent.nodes.{node}", dict(os.environ)
    command = [sys.executable, "-m", module]
    if not ros_is_installed():
        command[2:] = ["qtopt_agent.standalone.run", module]
        environment.setdefault("CYCLONEDDS_URI", loopback())  # as `qtopt launch` does
    command += ["--ros-args", "-r", f"__ns:=/{namespace}"]
    for name, value in parameters.items():
        command += ["-p", f"{name}:={json.dumps(value)}"]  # quoted, so that no text is taken for a number
    command += ["-r", "/clock:=clock"] if namespace else []  # as in the graphs that are launched there
    return command, environment
