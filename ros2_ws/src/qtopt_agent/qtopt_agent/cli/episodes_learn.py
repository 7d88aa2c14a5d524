"""qtopt episodes label, split, stats: what is needed of recorded episodes to learn from them."""

import getpass
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from qtopt_agent.cli.results import JsonFile, print_table, printed_as_json
from qtopt_agent.core.errors import InvalidInput

if TYPE_CHECKING:
    from qtopt_agent.episodes.statistics import Count

Folder = Annotated[Path, typer.Argument(help="An episode, or a folder of episodes at any depth.")]


def label(
    folder: Folder,
    outcome: Annotated[Literal["success", "failure"], typer.Argument(help="How the grasp ended.")],
    episode: Annotated[list[str] | None, typer.Option(metavar="ID", help="Only this episode of the folder's.")] = None,
    author: Annotated[str | None, typer.Option(show_default="who is logged in", help="Who says so.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Say how episodes ended, whatever was said before.

    The label lies beside the recording, which stays as it is.
    """
    from qtopt_agent.episodes.label import write_label

    paths = {path.name: path for path in _found(folder)}
    for name in episode or ():
        if name not in paths:
            raise InvalidInput(f"{folder} holds no episode {name}")
    if episode is None and len(paths) > 1:
        raise InvalidInput(
            f"{folder} holds {len(paths)} episodes: expected one, or --episode ID for each to be labelled"
        )
    chosen = [paths[name] for name in episode or paths]
    for path in chosen:
        write_label(path, outcome == "success", author or getpass.getuser())
    if not printed_as_json(json_file, {"labelled": [path.name for path in chosen], "success": outcome == "success"}):
        typer.echo(f"{len(chosen)} labelled: {outcome}")


def split(
    folder: Folder,
    share: Annotated[float, typer.Option(min=0, max=1, help="Share of the episodes to hold back.")] = 0.2,
    json_file: JsonFile = None,
) -> None:
    """Show which episodes are held back from learning.

    Models are compared on them. A hash of its id puts each on its side, where it stays whatever is recorded later: as
    in `qtopt train` and `qtopt models compare` with the same --hold-back.
    """
    from qtopt_agent.episodes.split import held_back
    from qtopt_agent.episodes.statistics import attempted, counted

    sides: dict[str, list[Any]] = {"learned from": [], "held back": []}
    for path in _found(folder):
        found = attempted(path)
        sides["held back" if held_back(found.episode_id, share) else "learned from"].append(found)
    listed = {side: sorted(each.episode_id for each in found) for side, found in sides.items()}
    if not printed_as_json(json_file, listed):
        _print({side: counted(found) for side, found in sides.items()}, f"{folder}, {share:.0%} held back", "side")


def stats(folder: Folder, json_file: JsonFile = None) -> None:
    """Count episodes, with success rates.

    By policy, model, author of the label and outcome. Intervals are Wilson's, 95 %. What was cut short has no outcome
    and counts in no rate.
    """
    from qtopt_agent.episodes.statistics import GROUPS, attempted, counted, grouped

    found = [attempted(path) for path in _found(folder)]
    lengths = sorted(each.steps for each in found)
    whole = {"steps_least": lengths[0], "steps_median": lengths[len(lengths) // 2], "steps_most": lengths[-1]}
    tables = {"all": {"all": counted(found)}} | {name: grouped(found, by) for name, by in GROUPS.items()}
    report = {
        name: {key: asdict(count) | _rates(count) for key, count in table.items()} for name, table in tables.items()
    }
    if printed_as_json(json_file, report | whole):
        return
    for name, table in tables.items():
        _print(table, "" if name == "all" else f"by {name}", name)
    typer.echo(f"steps of an episode: {lengths[0]} to {lengths[-1]}, half have {whole['steps_median']} or less")


def _rates(count: "Count") -> dict[str, float | None]:
    from qtopt_agent.rollouts.intervals import wilson

    if not count.judged:
        return {"success": None, "wilson_low": None, "wilson_high": None}
    low, high = wilson(count.successes, count.judged)
    return {"success": count.successes / count.judged, "wilson_low": low, "wilson_high": high}


def _print(table: dict[str, "Count"], title: str, name: str) -> None:
    rows = []
    for key, count in table.items():
        rates = _rates(count)
        rate = "" if rates["success"] is None else f"{rates['success']:.1%}"
        between = "" if rates["success"] is None else f"{rates['wilson_low']:.1%} to {rates['wilson_high']:.1%}"
        numbers = (count.episodes, count.judged, count.successes)
        rows.append([key, *map(str, numbers), rate, between, str(count.unlabelled), str(count.by_person)])
    headings = ["" if name == "all" else name, "episodes", "judged", "successes", "rate", "95 % interval"]
    print_table([*headings, "no label", "by a person"], rows, title=title)


def _found(folder: Path) -> Iterable[Path]:
    from qtopt_agent.episodes.reader import find_episodes

    paths = list(find_episodes(folder))
    if not paths:
        raise InvalidInput(f"{folder} holds no episode, at any depth")
    return paths
