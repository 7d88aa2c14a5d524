"""qtopt models alternate: a candidate and the model in force grasp in turn, until it is clear which is better."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qtopt_agent.cli.models_promote import Force, Store, Who, Why, evidence_for
from qtopt_agent.cli.results import JsonFile, printed_as_json
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.printable import printable

if TYPE_CHECKING:
    from qtopt_agent.models.turns import Turns


def alternate(
    store: Store,
    candidate: Annotated[
        Path | None, typer.Argument(help="The candidate: its folder. Without one, how it stands is told.")
    ] = None,
    pairs: Annotated[int, typer.Option(min=1, max=500, help="Of attempts, after which the incumbent stays.")] = 200,
    error: Annotated[
        float, typer.Option(min=0.001, max=0.4, help="Most probability that one no better is called better.")
    ] = 0.05,
    seed: Annotated[int, typer.Option(min=0, help="Of the order within pairs.")] = 0,
    end: Annotated[bool, typer.Option("--end", help="End it: the incumbent stays in force.")] = False,
    force: Force = False,
    why: Why = "",
    who: Who = None,
    json_file: JsonFile = None,
) -> None:
    """Let a candidate and the model in force grasp in turn.

    An agent that watches the store, in a graph that goes round by itself (grasps:=N), takes them one attempt each.
    Once it is clear which grasps better, the better one is in force. The candidate has to have won a comparison
    before, as for `promote`.
    """
    from qtopt_agent.models.turns import begin_turns, end_turns, read_turns

    me = who or getpass.getuser()
    if end and candidate is not None:
        raise InvalidInput(f"--end and the candidate {candidate}: expected one of them")
    if end:
        end_turns(store, me, why or "ended by a person")
    elif candidate is not None:
        evidence = evidence_for(candidate, store, force, why)
        begin_turns(candidate, store, me, why, seed, pairs, error, force, evidence)
    elif force or why or who:
        raise InvalidInput("--force, --why and --who say something about a candidate or an --end: give one of them")
    elif not store.is_dir():
        raise InvalidInput(f"there is no folder of models at {store}")
    turns = read_turns(store)
    if not printed_as_json(json_file, _standing(turns)):
        if candidate is not None:
            typer.echo(printable(f"begun; qtopt models alternate --store {store} tells how it stands, --end ends it"))
        typer.echo(printable(str(turns) if turns is not None else f"no models take turns in {store}"))


def _standing(turns: "Turns | None") -> dict[str, Any]:
    if turns is None:
        return {"taking_turns": False}
    counts = {each: turns.successes(each) for each in (turns.incumbent, turns.candidate)}
    successes = {each: {"successes": good, "attempts": all_} for each, (good, all_) in counts.items()}
    return {"taking_turns": True, "verdict": turns.verdict.value, "counts": successes, **turns.to_json()}
