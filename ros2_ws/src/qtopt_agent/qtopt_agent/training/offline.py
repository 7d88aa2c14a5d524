"""One round of learning from recorded episodes, from the model in force to a candidate that has been compared with it.

`python -m qtopt_agent.training.offline '<round as JSON>'` prints one JSON object a line: what it does. It never puts a
model in force, and gives way to every other process.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from qtopt_agent.core.errors import InvalidInput, QtoptError
from qtopt_agent.learning.preset import load_preset
from qtopt_agent.processes.folder_lock import one_process
from qtopt_agent.processes.memory import keep_freed_memory
from qtopt_agent.training.comparison import compare, write_comparison
from qtopt_agent.training.export import COMMANDS, export_run
from qtopt_agent.training.initial import in_cell_of
from qtopt_agent.training.recorded import Folder
from qtopt_agent.training.run import Training

Report = Callable[[dict[str, Any]], None]
_AUTOGROUP = Path("/proc/self/autogroup")
ROUND = "round"  # in the trainer's folder: the run under way


@dataclass(frozen=True)
class Round:
    """What to do: begin with `incumbent`, learn from `episodes`, publish `version` in the store `candidates`.

    steps: gradient steps, 0 for the preset's. settings: key=value, over those of `preset`. hold_back: share of the
    episodes to compare both models on. simulate: attempts of either in simulation. actors: processes that collect in
    simulation beside the recorded episodes; 0 for none.
    """

    episodes: str
    run: str
    incumbent: str
    candidates: str
    version: str
    preset: str = "finetune"
    steps: int = 0
    settings: tuple[str, ...] = ()
    seed: int = 0
    hold_back: float = 0.2
    simulate: int = 0
    actors: int = 0

    def command(self) -> list[str]:
        """The command line that does it."""
        return [sys.executable, "-m", __name__, json.dumps(asdict(self))]


def train(order: Round, report: Report) -> Path:
    """Do it, and return the candidate's folder; progress goes to `report`.

    Raises InvalidInput where no episode can be learned from or another process is at the run, else as `Training`,
    `export_run` and `compare` do.
    """
    Path(order.run).mkdir(parents=True, exist_ok=True)
    with one_process(Path(order.run)):
        run = Path(order.run) / ROUND
        shutil.rmtree(run, ignore_errors=True)  # of a round that was killed
        try:
            return _train(order, run, report)
        finally:
            shutil.rmtree(run, ignore_errors=True)


def _train(order: Round, run: Path, report: Report) -> Path:
    incumbent, episodes, skipped = Path(order.incumbent), Path(order.episodes), list[str]()
    settings = [*order.settings, *([f"steps={order.steps}"] if order.steps else [])]
    preset = in_cell_of(load_preset(order.preset).override(settings), incumbent)
    run.mkdir(parents=True)

    def on_scalars(step: int, values: dict[str, float]) -> None:
        report({"steps": step, "loss": values["learner/loss"], "rate": values["speed/steps_per_s"]})

    training = Training(
        preset,
        run,
        order.seed,
        order.actors,
        [Folder(episodes)],
        collect=order.actors > 0,
        hold_back=order.hold_back,
        init=incumbent,
        skipped=skipped.append,
        report=on_scalars,
    )
    if skipped:
        report({"skipped": len(skipped), "why": skipped[-1]})
    (run / COMMANDS).write_text(f"trainer: {json.dumps(asdict(order))}\n", encoding="utf-8")
    outcome = training.run()
    if outcome.interrupted:
        raise KeyboardInterrupt
    report({"publishing": order.version, "steps": outcome.steps})
    candidate = export_run(run, Path(order.candidates), order.version)
    try:
        found = compare(incumbent, candidate, [episodes], order.hold_back, order.simulate, order.seed)
    except InvalidInput as error:  # nothing to compare on: it stays a candidate
        report({"compared": False, "text": f"{order.version} is not compared: {error}"})
        return candidate
    write_comparison(candidate, found)
    beats = f"{order.version} is better than {found.incumbent}"
    report({"compared": True, "text": beats if found.won else f"{order.version} does not win: {found.reasons[0]}"})
    return candidate


def give_way() -> None:
    """Leave the cores to whoever wants them, above all to the agent: this process, and those that it starts."""
    os.nice(19)
    if _AUTOGROUP.exists():  # a session of its own has a share of its own, in which niceness alone changes nothing
        _AUTOGROUP.write_text("19")


def main() -> int:
    """Run the round on the command line. Exit code 2 where it cannot be done, 130 after Ctrl-C."""
    give_way()
    torch.set_num_threads(1)  # small networks lose by more
    keep_freed_memory()
    fields = json.loads(sys.argv[1])

    def report(what: dict[str, Any]) -> None:
        print(json.dumps(what), flush=True)  # raises once whoever started this is gone, which ends it

    try:
        folder = train(Round(**fields | {"settings": tuple(fields["settings"])}), report)
        report({"published": folder.name})
    except (QtoptError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
