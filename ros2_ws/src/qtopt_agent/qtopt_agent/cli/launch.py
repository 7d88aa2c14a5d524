"""qtopt launch: the graph of nodes where ROS 2 is not installed."""

from typing import Annotated

import typer


def launch(
    graph: Annotated[str, typer.Argument(help="grasp, collect, train or replay.")],
    arguments: Annotated[list[str] | None, typer.Argument(help="name:=value, as for ros2 launch.")] = None,
    show_args: Annotated[bool, typer.Option("--show-args", help="Print the graph's arguments and end.")] = False,
    network: Annotated[
        bool, typer.Option("--network", help="Let other machines see the graph; by default it stays on this one.")
    ] = False,
) -> None:
    """Run a graph of nodes where ROS 2 is not installed.

    The nodes are processes that talk over DDS. Where ROS 2 is installed, `ros2 launch` does it instead.
    """
    from qtopt_agent.processes.interrupts import first_interrupt

    # Noted from here on: what Ctrl-C raises in the middle of an import may be swallowed there.
    with first_interrupt() as interrupted:
        code = _launch(graph, arguments or [], show_args, network, interrupted)
    if code or interrupted:
        raise typer.Exit(130 if code == 130 or interrupted else 1)


def _launch(graph: str, arguments: list[str], show_args: bool, network: bool, interrupted: list[int]) -> int:
    """Run the graph until it ends or something is in `interrupted`. Returns its exit code."""
    import os
    import textwrap

    from qtopt_agent.core.errors import InvalidInput
    from qtopt_agent.graph.description import ENDING, GRAPHS, build
    from qtopt_agent.standalone.hooks import ros_is_installed
    from qtopt_agent.standalone.names import domain_id
    from qtopt_agent.standalone.processes import Processes, loopback

    given = {}
    for word in arguments:
        name, sign, value = word.partition(":=")
        if not sign:
            raise InvalidInput(f"argument is {word!r}, expected name:=value")
        given[name] = value
    if show_args and graph in GRAPHS:
        for argument in GRAPHS[graph][1]:
            choices = f" One of {', '.join(argument.choices)}." if argument.choices else ""
            described = textwrap.fill(argument.description + choices, 76)
            typer.echo(f"{argument.name} (default: {argument.default!r})\n{textwrap.indent(described, '    ')}")
        return 0
    nodes = build(graph, given)
    if ros_is_installed():
        raise InvalidInput(f"ROS 2 is installed here: run `ros2 launch qtopt_agent {graph}.launch.py`")
    if any(node.name == "gazebo" for node in nodes):
        raise InvalidInput("simulator is gazebo, which needs ROS 2 and its ros_gz_bridge: use mujoco")
    domain_id()  # refused here, once, instead of in each node
    environment = {} if network or "CYCLONEDDS_URI" in os.environ else {"CYCLONEDDS_URI": loopback()}
    ending = [node.label for node in nodes if node.name in ENDING]
    with Processes(nodes, environment=environment) as processes:
        return processes.wait(until=lambda: bool(interrupted) or any(processes.ended(name) for name in ending))
