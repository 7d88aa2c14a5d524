"""qtopt bench graph: what the middleware costs, how soon the driver stops, what the logger takes."""

from typing import Annotated, Any

import typer

from qtopt_agent.cli.results import JsonFile, print_table, printed_as_json
from qtopt_agent.cli.rollout_options import NewestModel, newest_unless


def graph(
    model: NewestModel = None,
    decisions: Annotated[int, typer.Option(min=2, max=100_000, help="Decisions from 640x480 images at 30 Hz.")] = 200,
    faults: Annotated[
        int, typer.Option(min=1, max=10_000, help="Times that each input falls silent in mid-motion.")
    ] = 100,
    seconds: Annotated[float, typer.Option(min=2, max=3600, help="Logging of 640x480 images at 30 Hz, s.")] = 60.0,
    json_file: JsonFile = None,
) -> None:
    """Measure what the graph of nodes costs.

    Nodes run as processes: image stamp to command, last input to stop, and logging.
    """
    from rich.console import Console

    from qtopt_agent.speed.graph import measure_graph

    console = Console(stderr=True)
    result = measure_graph(
        newest_unless(model), decisions, faults, seconds, lambda what: console.status(what, spinner="line")
    )
    if printed_as_json(json_file, result):
        return
    on, decide, log = result["on"], result["decide"], result["log"]
    title = f"{on['middleware']}; {on['cores']} cores, load {on['load_before']:.1f} before"
    print_table(["what", "p50 ms", "p99 ms", "worst ms", "limit ms"], _rows(decide, result["stop"]), title)
    typer.echo(
        f"{decide['decisions']} decisions, {faults} faults of each input, {log['seconds']:.0f} s of logging:"
        f" {log['dropped']} of {log['images']} images dropped,"
        f" {log['mb_per_s']:.1f} MB/s, {100 * log['logger_cpu']:.0f} % of a core"
    )


def _rows(decide: dict[str, Any], stop: dict[str, Any]) -> list[list[str]]:
    rows = [
        ["image to command sent", *_times(decide["graph_ms"]), ""],
        ["image to command heard", *_times(decide["heard_ms"]), ""],
        ["the same in one process", *_times(decide["one_process_ms"]), ""],
        ["added by the graph", f"{decide['added_p50_ms']:.1f}", "", "", "10"],
    ]
    for name, limit in stop["limits_s"].items():
        rows.append([f"last {name} to stop sent", *_times(stop["sent_ms"][name]), f"{1000 * limit:.0f}"])
        rows.append([f"last {name} to stop heard", *_times(stop["heard_ms"][name]), ""])
    return rows


def _times(found: dict[str, float]) -> list[str]:
    return [f"{found[key]:.1f}" for key in ("p50", "p99", "worst")]
