"""qtopt episodes: what is on the disk, whether it is whole, and making it so."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qtopt_agent.cli.progress import progress
from qtopt_agent.cli.results import JsonFile, print_table, printed_as_json
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress, Task, TaskID

    from qtopt_agent.episodes.index import EpisodeRow

app = typer.Typer(no_args_is_help=True, help="Look at recorded episodes, check and repair them.")

Folder = Annotated[Path, typer.Argument(help="An episode, or a folder of episodes at any depth.")]


@app.command("list")
def list_episodes(
    folder: Folder,
    last: Annotated[int, typer.Option(min=0, help="How many of the newest to show, 0 for all.")] = 20,
    json_file: JsonFile = None,
) -> None:
    """List episodes, newest last.

    Keeps an index in the folder, so that the next time is quick. Exit code 1 where an episode cannot be read.
    """
    rows, problems = _index(folder)
    shown = rows[-last:] if last else rows
    listed = {"total": len(rows), "episodes": [vars(row) for row in shown], "problems": problems}
    if not printed_as_json(json_file, listed):
        print_table(
            ["episode", "steps", "success", "reward", "policy", "objects", "Hz", "kB"], [_cells(row) for row in shown]
        )
        typer.echo(f"{len(shown)} of {len(rows)} episodes")
    _report(problems)


def _cells(row: "EpisodeRow") -> list[str]:
    return [
        row.episode_id,
        str(row.steps),
        "cut short" if row.truncated else "yes" if row.success else "no",
        f"{row.reward:.2f}",
        row.policy,
        ", ".join(row.objects),
        "" if row.rate_hz is None else f"{row.rate_hz:.1f}",
        f"{row.bytes / 1000:.0f}",
    ]


@app.command()
def info(folder: Folder, json_file: JsonFile = None) -> None:
    """Sum up the episodes in a folder, or one of them.

    Exit code 1 where one cannot be read.
    """
    rows, problems = _index(folder)
    steps, duration = sum(row.steps for row in rows), sum(row.duration for row in rows)
    summary = {
        "episodes": len(rows),
        "ids": [rows[0].episode_id, rows[-1].episode_id] if rows else [],
        "steps": steps,
        "success": sum(row.success for row in rows) / len(rows) if rows else None,
        "truncated": sum(row.truncated for row in rows),
        "duration_s": duration,
        "rate_hz": steps / duration if duration > 0 else None,
        "bytes": sum(row.bytes for row in rows),
        "profiles": sorted({row.profile for row in rows}),
        "policies": sorted({row.policy for row in rows}),
        "models": sorted({row.model_version for row in rows} - {""}),
        "objects": sorted({name for row in rows for name in row.objects}),
    }
    if not printed_as_json(json_file, {**summary, "problems": problems}):
        for name, value in summary.items():
            typer.echo(f"{name:<12}{_said(value)}")
    _report(problems)


def _said(value: object) -> str:
    if isinstance(value, list):
        return printable(", ".join(value))
    return f"{value:.3g}" if isinstance(value, float) else "" if value is None else str(value)


@app.command()
def verify(folder: Folder, json_file: JsonFile = None) -> None:
    """Check every episode.

    Looks at checksums, definitions, metadata, order, finite values and stamps. Exit code 1 where something is wrong,
    also where a killed program left a recording without an end.
    """
    from qtopt_agent.episodes.reader import find_episodes, find_partial
    from qtopt_agent.episodes.repair import being_written
    from qtopt_agent.episodes.verify import verify as problems_of

    partial, episodes = list(find_partial(folder)), list(find_episodes(folder))
    _expect_some(folder, [*partial, *episodes])
    found = {str(path): ["a recording without an end"] for path in partial if not being_written(path)}
    found |= {str(path): problems for path in _progress(episodes, "verifying") if (problems := problems_of(path))}
    if not printed_as_json(json_file, {"episodes": len(episodes), "problems": found}):
        for path, problems in found.items():
            typer.echo(printable(f"{path}: {'; '.join(problems)}"))
        advice = "; `qtopt episodes repair` keeps what can be kept" if found else ""
        typer.echo(f"{len(episodes)} episodes checked, {len(found)} problems{advice}")
    if found:
        raise typer.Exit(1)


@app.command()
def repair(folder: Folder, json_file: JsonFile = None) -> None:
    """Make whole episodes of what was cut or damaged.

    That is what a killed program or a damaged disk leaves behind. Keeps every complete step, marks the episode as
    truncated, and removes the old file only once the new one is on the disk. What a running program writes is left
    alone. Exit code 1 where something could not be repaired.
    """
    from qtopt_agent.episodes.repair import Outcome, candidates, repair_folder

    paths = list(candidates(folder))
    _expect_some(folder, paths)
    results = [result for path in _progress(paths, "checking") if (result := repair_folder(path))]
    if not printed_as_json(json_file, [{**vars(result), "path": str(result.path)} for result in results]):
        for result in results:
            typer.echo(printable(f"{result.outcome}: {result.path}: {result.detail}"))
        repaired = sum(result.outcome is Outcome.REPAIRED for result in results)
        typer.echo(f"{len(paths)} folders checked, {repaired} repaired")
    if any(result.outcome is Outcome.FAILED for result in results):
        raise typer.Exit(1)


def _index(folder: Path) -> tuple[list["EpisodeRow"], list[str]]:
    """Rows of the index, brought up to date, and what could not be read."""
    from qtopt_agent.episodes.index import EpisodeIndex
    from qtopt_agent.episodes.reader import find_episodes

    # No index inside an episode, nor where it cannot be written.
    alone = next(find_episodes(folder), None) == folder
    with EpisodeIndex(folder, ":memory:" if alone or not os.access(folder, os.W_OK) else None) as index:
        with _bar("reading") as (bar, task):
            problems = index.update(lambda done, total: bar.update(task, completed=done, total=total))
        rows = index.rows()
    _expect_some(folder, [*rows, *problems])
    return rows, problems


def _expect_some(folder: Path, found: Sequence[object]) -> None:
    if not found:
        raise InvalidInput(f"{folder} holds no episode, at any depth")


def _progress(paths: Sequence[Path], what: str) -> Iterator[Path]:
    with _bar(what) as (bar, task):
        yield from bar.track(paths, task_id=task)


@contextmanager
def _bar(what: str) -> Iterator[tuple["Progress", "TaskID"]]:
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: "Task") -> Text:
            return Text(f"{task.speed:.0f}/s" if task.speed else "")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    with progress(*columns) as bar:
        yield bar, bar.add_task(what, total=None)


def _report(problems: Sequence[str]) -> None:
    """Say what cannot be read, and stop with exit code 1 if there is anything."""
    for problem in problems:
        typer.echo(printable(f"cannot be read: {problem}"), err=True)
    if problems:
        raise typer.Exit(1)
