"""qtopt models compare, promote, rollback, history: which model of a store is in force, and why."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qtopt_agent.cli.results import JsonFile, print_table, printed_as_json
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.printable import printable

if TYPE_CHECKING:
    from qtopt_agent.training.comparison import Comparison

Store = Annotated[Path, typer.Option(help="Store that the agent watches: a folder of models.")]
Candidate = Annotated[Path, typer.Argument(help="The candidate: its folder.")]
Episodes = Annotated[
    list[Path] | None, typer.Option(metavar="DIR", help="Recorded episodes; what is held back of them counts.")
]
HoldBack = Annotated[float, typer.Option(min=0, max=1, help="Share held back, as in the candidate's training.")]
Simulate = Annotated[int, typer.Option(min=0, help="Attempts of either in simulation, too.")]
Seed = Annotated[int, typer.Option(min=0, help="Of those attempts.")]
Force = Annotated[bool, typer.Option("--force", help="Even where it did not win; needs --why.")]
Why = Annotated[str, typer.Option(help="For the history.")]
Who = Annotated[str | None, typer.Option(show_default="who is logged in", help="Who says so, for the history.")]


def compare(
    incumbent: Annotated[Path, typer.Argument(help="The model in force: a folder, or a released one's name.")],
    candidate: Candidate,
    episodes: Episodes = None,
    hold_back: HoldBack = 0.2,
    simulate: Simulate = 0,
    seed: Seed = 0,
    json_file: JsonFile = None,
) -> None:
    """Compare a candidate with the model in force.

    On episodes that neither learned from: the log loss of Q, and how well Q ranks outcomes. What is found is kept
    beside the candidate, for `promote`. Exit code 1 where it does not win.
    """
    from qtopt_agent.models.released import find_model

    found = _compared(find_model(incumbent), candidate, episodes, hold_back, simulate, seed)
    if not printed_as_json(json_file, found.to_json()):
        _tell(found)
    if not found.won:
        raise typer.Exit(1)


def promote(
    candidate: Candidate,
    store: Store,
    episodes: Episodes = None,
    hold_back: HoldBack = 0.2,
    simulate: Simulate = 0,
    seed: Seed = 0,
    force: Force = False,
    why: Why = "",
    who: Who = None,
    json_file: JsonFile = None,
) -> None:
    """Put a candidate in force that has won.

    Compares them with --episodes; otherwise what `compare` or the trainer found counts, if it is about these two. It is
    copied into the store, and an agent that watches the store follows. Exit code 1 where it did not win.
    """
    from qtopt_agent.models import promotion

    evidence = evidence_for(candidate, store, force, why, episodes, hold_back, simulate, seed)
    folder = promotion.promote(candidate, store, who or getpass.getuser(), why, force, evidence)
    if not printed_as_json(json_file, {"in_force": folder.name, "store": store, "forced": force}):
        typer.echo(printable(f"{folder.name} is in force in {store}; qtopt models rollback --store {store} undoes it"))


def evidence_for(
    candidate: Path,
    store: Path,
    force: bool,
    why: str,
    episodes: list[Path] | None = None,
    hold_back: float = 0.2,
    simulate: int = 0,
    seed: int = 0,
) -> dict[str, Any]:
    """What was found about a candidate that has won, or with `force` about any; says why one has not, and exits."""
    from qtopt_agent.models.store import latest
    from qtopt_agent.training.comparison import read_comparison

    if force and not why.strip():
        raise InvalidInput("--force needs a reason: --why TEXT")
    evidence: dict[str, Any] = {}
    if episodes:
        evidence = _compared(latest(store), candidate, episodes, hold_back, simulate, seed).to_json()
    elif not force:
        evidence = read_comparison(candidate, latest(store))
    if not force and not evidence["won"]:
        for reason in evidence["reasons"]:
            typer.echo(printable(f"{candidate.name} did not win: {reason}"), err=True)
        raise typer.Exit(1)
    return evidence


def rollback(
    store: Store,
    why: Why = "",
    who: Who = None,
    json_file: JsonFile = None,
) -> None:
    """Put in force again what was before the last promotion.

    An agent that watches the store follows. Once more, and it is the one before that.
    """
    from qtopt_agent.models.promotion import roll_back

    change = roll_back(store, who or getpass.getuser(), why)
    if not printed_as_json(json_file, vars(change)):
        typer.echo(printable(f"{change.version} is in force in {store} again, in place of {change.before}"))


def history(
    store: Annotated[Path, typer.Argument(help="Store that the agent watches: a folder of models.")],
    json_file: JsonFile = None,
) -> None:
    """List every change of what is in force: who, when and why."""
    from qtopt_agent.models.history import history as changes_in

    changes = changes_in(store)
    if not printed_as_json(json_file, [vars(change) for change in changes]):
        rows = [
            [each.time, each.what, each.version, each.before, each.who, "forced" if each.forced else "", each.why]
            for each in changes
        ]
        print_table(["time", "what", "model", "in place of", "who", "", "why"], rows, title=f"changes in {store}")


def _compared(
    incumbent: Path, candidate: Path, episodes: list[Path] | None, hold_back: float, simulate: int, seed: int
) -> "Comparison":
    import torch

    from qtopt_agent.processes.cores import usable_cores
    from qtopt_agent.training.comparison import compare, write_comparison

    if not episodes:
        raise InvalidInput("--episodes is missing: expected a folder of recorded episodes")
    torch.set_num_threads(1)
    found = compare(incumbent, candidate, episodes, hold_back, simulate, seed, usable_cores())
    write_comparison(candidate, found)
    return found


def _tell(found: "Comparison") -> None:
    rows = []
    for name, measure in (("log loss", found.log_loss), ("area under the curve", found.ranking)):
        if measure is not None:
            numbers = (measure.incumbent, measure.candidate, measure.better, measure.low)
            rows.append([name, *(f"{number:.4f}" for number in numbers)])
    if (s := found.simulated) is not None:
        rows.append(["in simulation", *(f"{n / s.attempts:.4f}" for n in (s.incumbent, s.candidate))])
        rows[-1] += [f"{s.better:.4f}", f"{s.low:.4f}"]
    title = f"{found.episodes} episodes held back, {found.successes} of them successes"
    print_table(["", found.incumbent, found.candidate, "better by", "95 % sure of"], rows, title=title)
    if found.won:
        typer.echo(printable(f"{found.candidate} wins"))
    for reason in found.reasons:
        typer.echo(printable(f"{found.candidate} does not win: {reason}"))
