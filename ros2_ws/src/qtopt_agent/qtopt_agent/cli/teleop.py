"""qtopt teleop: a person moves the arm."""

from pathlib import Path
from typing import Annotated

import typer


def teleop(
    device: Annotated[str, typer.Option(help="keyboard, or joy: a gamepad or SpaceMouse on /joy.")] = "keyboard",
    arm: Annotated[str, typer.Option(help="The arm's profile: a name in config/arms, or a file.")] = "mujoco",
    author: Annotated[str, typer.Option(help="Who labels grasps.")] = "a person",
    params: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Parameter file, as of axes and buttons.")
    ] = None,
    namespace: Annotated[str, typer.Option(help="Of the graph whose arm it is.")] = "",
) -> None:
    """Move an arm by hand, take over in an attempt, label a grasp.

    Beside a running graph, in a terminal of its own.
    """
    from qtopt_agent.cli.listener import node_command
    from qtopt_agent.core.errors import InvalidInput
    from qtopt_agent.episodes.label import checked_author
    from qtopt_agent.graph.description import arm_file, checked_namespace
    from qtopt_agent.graph.settings import DEVICES
    from qtopt_agent.processes.interrupts import run_handing_on
    from qtopt_agent.safety.arm_profile import read_parameters

    if device not in DEVICES:
        raise InvalidInput(f"device is {device!r}, expected one of {', '.join(DEVICES)}")
    profile = read_parameters(arm_file(arm))
    told: dict[str, object] = {
        name: profile[name] for name in ("base_frame", "tip_frame", "pose_topic") if name in profile
    }
    told |= {"device": device, "author": checked_author(author)}
    command, environment = node_command("teleop", told, checked_namespace(namespace))
    if params is not None:
        command += ["--params-file", str(params)]
    raise typer.Exit(run_handing_on(command, environment))  # on Ctrl-C the node stops the arm
