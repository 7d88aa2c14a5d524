"""qtopt doctor: what is wrong, and what to do about it."""

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qtopt_agent.cli.results import JsonFile, printed_as_json
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.printable import printable

if TYPE_CHECKING:
    from qtopt_agent.doctor.findings import Finding


def doctor(
    arm: Annotated[
        str | None, typer.Option(help="Arm to look at: a parameter file, or a profile's name, such as ur_servo.")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Model to look at: its folder, or a released one's name.")] = None,
    camera: Annotated[
        str | None, typer.Option(help="Size of the camera's pictures, WIDTHxHEIGHT in px, that the model has to fit.")
    ] = None,
    namespace: Annotated[str, typer.Option(help="Namespace of the running graph.")] = "",
    seconds: Annotated[float, typer.Option(min=0.5, max=60, help="How long to listen to a running graph, s.")] = 3.0,
    json_file: JsonFile = None,
) -> None:
    """Say what is wrong with a running graph, an arm or a model.

    Looks at the graph unless --arm or --model is given. Exit code 1 where something is wrong.
    """
    from qtopt_agent.doctor.files import examine_agreement, examine_arm_file, examine_model
    from qtopt_agent.doctor.findings import Severity, worst
    from qtopt_agent.graph.description import arm_file, checked_namespace
    from qtopt_agent.models.released import find_model

    if camera and model is None:
        raise InvalidInput(f"camera is {camera}, but there is no model to fit it: add --model")
    size = _size(camera) if camera else None
    findings = _running_graph(seconds, checked_namespace(namespace)) if arm is None and model is None else []
    if arm is not None:
        findings += examine_arm_file(arm_file(arm))
    if model is not None:
        findings += examine_model(find_model(model), size)
    if arm is not None and model is not None:
        findings += examine_agreement(arm_file(arm), find_model(model))
    if not printed_as_json(json_file, [asdict(f) | {"severity": f.severity.name} for f in findings]):
        show(findings)
    if worst(findings) == Severity.ERROR:
        raise typer.Exit(1)


def show(findings: "list[Finding]") -> None:
    """Print findings, one or two lines each, in colour."""
    colours = (typer.colors.GREEN, typer.colors.YELLOW, typer.colors.RED)
    for finding in findings:
        typer.echo(typer.style(f"{finding.severity.name:8}", fg=colours[finding.severity]) + printable(finding.text))
        if finding.advice:
            typer.echo(f"{'':8}-> {printable(finding.advice)}")


def _running_graph(seconds: float, namespace: str) -> "list[Finding]":
    """What the node `doctor` finds, on ROS 2 where it is installed."""
    from qtopt_agent.cli.listener import heard_by
    from qtopt_agent.doctor.findings import Finding, Severity

    found = heard_by("doctor", {"seconds": seconds}, namespace)
    return [Finding(Severity(each["severity"]), each["text"], each["advice"]) for each in found]


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9][0-9]{0,3})x([1-9][0-9]{0,3})", text)
    if match is None:
        raise InvalidInput(f"camera size is {text!r}, expected WIDTHxHEIGHT in px, such as 640x480")
    return int(match[2]), int(match[1])
