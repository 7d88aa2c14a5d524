"""Running simulated episodes with a bar that says how it goes, and one line on how it went."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qtopt_agent.cli.progress import progress

if TYPE_CHECKING:
    from qtopt_agent.rollouts.evaluation import EvaluationResult
    from qtopt_agent.rollouts.parallel import Rollout, RolloutPlan


def run_plan(
    plan: "RolloutPlan", episodes: int, workers: int | None, what: str
) -> tuple["EvaluationResult", list["Rollout"]]:
    """Run `plan` in `workers` processes, by default one a core; the bar is called `what`.

    Raises what `run_rollouts` raises.
    """
    from qtopt_agent.processes.cores import usable_cores
    from qtopt_agent.rollouts.evaluation import evaluate

    with _progress_bar(episodes, what) as (on_done, on_mesh):
        return evaluate(plan, episodes, workers or usable_cores(), on_done, on_mesh)


def describe_success(result: "EvaluationResult") -> str:
    """One line: counts, rate and interval."""
    return (
        f"{result.successes} of {result.episodes} grasps succeeded: {result.success:.1%} "
        f"(95 % Wilson interval {result.wilson_low:.1%} to {result.wilson_high:.1%})"
    )


@contextmanager
def _progress_bar(episodes: int, what: str) -> Iterator[tuple[Callable[["Rollout"], None], Callable[[int, int], None]]]:
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
