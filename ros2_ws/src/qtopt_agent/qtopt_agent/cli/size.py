"""qtopt size: how large a run has to be laid out, from costs measured here."""

from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Annotated

import typer

from qtopt_agent.cli.progress import progress
from qtopt_agent.cli.results import JsonFile, print_table, printed_as_json
from qtopt_agent.cli.rollout_options import Device
from qtopt_agent.core.errors import InvalidInput

if TYPE_CHECKING:
    from qtopt_agent.speed.pipeline import Costs, Flow, Layout

CORES = (8, 32, 128)
"""Beside those of this machine."""
PAPERS = {"robots": 7, "updaters": 1000, "trainers": 10, "shards": 100, "collectors": 0, "oldest_target": 10**9}
"""Kalashnikov et al. 2018, appendix F, as far as it says; it names no bound on the age of targets."""


def size(
    preset: Annotated[str, typer.Option(help="A preset's name, or a .yaml file.")] = "detailed",
    layout: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=N[,KEY=N]",
            help="Another one to look at: collectors, shards, updaters, trainers, robots, robot_s, oldest_target.",
        ),
    ] = None,
    device: Device = "cpu",
    seconds: Annotated[float, typer.Option(min=0.1, max=3600, help="Time for measuring each part, s.")] = 5.0,
    step_ms: Annotated[
        float | None,
        typer.Option(min=0.001, max=1e6, show_default="measured", help="A gradient step on a device not here, ms."),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Say what a larger run needs, and which part is slowest.

    Measures here what an episode, drawing, labelling and a gradient step cost, and simulates the ring of `qtopt train
    --ray` with them: on this machine, on larger ones, and with as many of each as the paper has.
    """
    from qtopt_agent.learning.preset import load_preset
    from qtopt_agent.processes.cores import usable_cores
    from qtopt_agent.processes.device import find_device
    from qtopt_agent.speed.costs import measure_costs
    from qtopt_agent.speed.pipeline import Costs, Layout, best_layout, simulate

    chosen, costs = load_preset(preset), None
    own = [_parsed(text) for text in layout or ()]
    import torch

    torch.set_num_threads(1)
    with progress() as bar:
        task = bar.add_task("measuring", total=4)
        for said in measure_costs(chosen, find_device(device), seconds):
            if isinstance(said, Costs):
                costs = said
            else:
                bar.update(task, description=said)
            bar.advance(task, 0 if said == "episodes" else 1)
    assert costs is not None
    if step_ms is not None:
        costs = replace(costs, step_s=step_ms / 1e3)
    due = chosen.collection.episodes_per_1000_steps
    here = usable_cores()
    layouts = [best_layout(costs, cores, due) for cores in sorted({max(3, here), *CORES})]
    layouts += [Layout(name="the paper's", **PAPERS), *(replace(each, episodes_per_1000_steps=0) for each in own)]
    flows = [simulate(costs, each) for each in layouts]
    alone = 1 / (costs.batch * (costs.draw_s + costs.label_s) + costs.step_s)
    rows = [asdict(each) | asdict(flow) for each, flow in zip(layouts, flows, strict=True)]
    if printed_as_json(json_file, {"costs": asdict(costs), "alone_steps_per_s": alone, "layouts": rows}):
        return
    _tell(costs, alone, chosen.steps, list(zip(layouts, flows, strict=True)))


def _parsed(text: str) -> "Layout":
    from qtopt_agent.speed.pipeline import Layout

    known = {field.name for field in fields(Layout)} - {"name"}
    given: dict[str, float] = {"collectors": 0, "shards": 1, "updaters": 1}
    for part in text.split(","):
        key, _, value = part.partition("=")
        if key not in known or not value.replace(".", "", 1).isdecimal():
            raise InvalidInput(f"layout {text!r}: {part!r}, expected one of {', '.join(sorted(known))}, = and a number")
        given[key] = float(value) if key in ("robot_s", "episodes_per_1000_steps") else int(float(value))
    return Layout(name=text, **given)  # type: ignore[arg-type]


def _tell(costs: "Costs", alone: float, steps: int, found: "list[tuple[Layout, Flow]]") -> None:
    print_table(
        ["part", "costs, ms"],
        [
            [f"an episode of {costs.transitions:.0f} transitions", f"{1e3 * costs.episode_s:.0f}"],
            ["drawing a transition", f"{1e3 * costs.draw_s:.3f}"],
            ["labelling a transition", f"{1e3 * costs.label_s:.3f}"],
            [f"a gradient step of {costs.batch}", f"{1e3 * costs.step_s:.1f}"],
        ],
    )
    typer.echo(f"one learner without Ray: {alone:.1f} steps/s, {steps:,} steps in {_hours(steps / alone)}")
    print_table(
        ["layout", "collect", "update", "train", "steps/s", "for all", "slowest", "age", "MB/s"],
        [
            [
                "yours" if "=" in layout.name else layout.name,
                f"{layout.collectors or layout.robots}",
                f"{layout.updaters}",
                f"{layout.trainers}",
                f"{flow.steps_per_s:.3g}",
                _hours(steps / flow.steps_per_s),
                flow.bottleneck,
                f"{flow.target_age:.0f}",
                f"{flow.network_mb_s:.3g}",
            ]
            for layout, flow in found
        ],
    )
    typer.echo(
        "for all: the preset's gradient steps. age: gradient steps that a target is old when it is learned from."
    )
    typer.echo("MB/s: transitions on their way from shards to updaters.")


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"
