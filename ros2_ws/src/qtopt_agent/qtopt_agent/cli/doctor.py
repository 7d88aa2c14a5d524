"""qtopt doctor: what is wrong, and what to do about it."""

import json as json_module
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from qtopt_agent.runtime.doctor import Finding


def doctor(
    arm: Annotated[Path | None, typer.Option(help="Parameter file of an arm driver to look at.")] = None,
    model: Annotated[Path | None, typer.Option(help="A model's folder to look at.")] = None,
    camera: Annotated[
        str | None, typer.Option(help="Size of the camera's pictures, WIDTHxHEIGHT in px, that the model has to fit.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look at a configuration and say what is wrong with it. Exit code 1 if anything is."""
    from qtopt_agent.core.errors import InvalidInput
    from qtopt_agent.runtime.doctor import Severity, examine_arm_file, examine_model, worst

    if arm is None and model is None:
        raise InvalidInput("nothing to look at: give --arm, --model or both")
    findings = examine_arm_file(arm) if arm is not None else []
    if model is not None:
        findings += examine_model(model, _size(camera) if camera else None)
    if json:
        typer.echo(json_module.dumps([asdict(f) | {"severity": f.severity.name} for f in findings], indent=2))
    else:
        show(findings)
    if worst(findings) == Severity.ERROR:
        raise typer.Exit(1)


def show(findings: "list[Finding]") -> None:
    """Print findings, one or two lines each, in colour."""
    colours = (typer.colors.GREEN, typer.colors.YELLOW, typer.colors.RED)
    for finding in findings:
        typer.echo(typer.style(f"{finding.severity.name:8}", fg=colours[finding.severity]) + finding.text)
        if finding.advice:
            typer.echo(f"{'':8}-> {finding.advice}")


def _size(text: str) -> tuple[int, int]:
    from qtopt_agent.core.errors import InvalidInput

    width, _, height = text.partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise InvalidInput(f"camera size is {text!r}, expected WIDTHxHEIGHT, such as 640x480")
    return int(height), int(width)
