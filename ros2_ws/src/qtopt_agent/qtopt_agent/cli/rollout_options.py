"""What the commands that run episodes have in common: options, the progress bar, the printed result."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qtopt_agent.cli.progress import progress

if TYPE_CHECKING:
    from qtopt_agent.rollouts.evaluation import EvaluationResult
    from qtopt_agent.rollouts.parallel import Rollout

Model = Annotated[Path, typer.Option(help="A model: its folder, or a released one's name.")]
NewestModel = Annotated[
    Path | None, typer.Option(show_default="newest released", help="A model: its folder, or a released one's name.")
]
Clutter = Annotated[str, typer.Option(help="Objects in the bin: a number, or fewest-most as in 1-5.")]
Objects = Annotated[
    str, typer.Option(help="train, validation or held-out shape families, or a folder of .obj and .stl meshes.")
]
MaxMeshes = Annotated[
    int | None, typer.Option(min=1, show_default="all", help="Use only so many meshes of the folder, by name.")
]
Seed = Annotated[int, typer.Option(min=0, help="Seed: the same one gives the same episodes.")]
Workers = Annotated[int | None, typer.Option(min=1, max=1024, show_default="one a core", help="Worker processes.")]


@contextmanager
def progress_bar(episodes: int, what: str) -> Iterator[tuple[Callable[["Rollout"], None], Callable[[int, int], None]]]:
    """A bar with success so far, rate and time left, and one for meshes, if there are any.

    Gives the functions that take each rollout as it ends and each mesh as it is ready.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[success]} {task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with progress(*columns) as bar:
        task = bar.add_task(what, total=episodes, success="", rate="")
        done = successes = 0

        def on_done(rollout: "Rollout") -> None:
            nonlocal done, successes
            done, successes = done + 1, successes + rollout.success
            rate = f"{bar.tasks[0].speed:.1f}/s" if bar.tasks[0].speed else ""
            bar.update(task, advance=1, success=f"{successes / done:.0%} success", rate=rate)

        def on_mesh(ready: int, total: int) -> None:
            if ready == 1:
                bar.add_task("meshes", total=total, success="", rate="")
            bar.update(bar.task_ids[-1], completed=ready)

        yield on_done, on_mesh


def describe_success(result: "EvaluationResult") -> str:
    """One line: counts, rate and interval."""
    return (
        f"{result.successes} of {result.episodes} grasps succeeded: {result.success:.1%} "
        f"(95 % Wilson interval {result.wilson_low:.1%} to {result.wilson_high:.1%})"
    )
