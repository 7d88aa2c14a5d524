"""What is in a training run's folder, and what its checkpoint holds."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.learning.checkpoint import load_checkpoint, save_checkpoint
from qtopt_agent.learning.learner import Learner
from qtopt_agent.learning.preset import Preset, make_preset

CHECKPOINT = "checkpoint.pt"
REPLAY = "replay"
ACTING = "acting.safetensors"
FORMAT = 3

_FIELDS = {"learner": dict, "rng": str, "episodes": int, "seed": int, "collect": bool, "minutes": float, "preset": dict}


@dataclass(frozen=True)
class SavedRun:
    """What a checkpoint says of a run beside its learner and preset.

    rng: state of the generator that draws batches, JSON. episodes: ever added to the replay. minutes: spent on the run.
    init: version of the model it began with, or nothing. recorded: how many episodes of folders, and shares of those.
    """

    rng: str
    episodes: int
    seed: int
    collect: bool
    minutes: float
    init: str
    recorded: dict[str, Any]

    def write(self, run: Path, learner: Learner, preset: Preset) -> None:
        """Save the checkpoint of the run in folder `run`."""
        state = {"format": FORMAT, "learner": learner.state_dict(), "preset": preset.to_json(), **vars(self)}
        save_checkpoint(run / CHECKPOINT, state)


def read_run(run: Path) -> dict[str, Any]:
    """The checkpoint of the run in folder `run`. Raises IncompatibleModel where it is missing, damaged or another."""
    path = run / CHECKPOINT
    saved = load_checkpoint(path)
    if saved.get("format") != FORMAT:
        raise IncompatibleModel(
            f"{path} has format {saved.get('format')!r}, expected {FORMAT}: another version of this software made it; "
            "start a new run"
        )
    for name, kind in _FIELDS.items():
        if not isinstance(saved.get(name), kind):
            raise IncompatibleModel(f"{path}: {name} is a {type(saved.get(name)).__name__}, expected {kind.__name__}")
    return saved


def begun(run: Path, preset: Preset, resume: bool) -> dict[str, Any] | None:
    """What the run in folder `run` goes on from, None for a new one.

    Raises InvalidInput where there is a run already and `resume` is not set, or the other way round, or where it cannot
    go on with `preset`; else as `read_run`.
    """
    if resume != (run / CHECKPOINT).exists():
        raise InvalidInput(
            f"there is no checkpoint in {run} to resume" if resume else f"{run} holds a run already: add --resume"
        )
    if not resume:
        return None
    saved = read_run(run)
    preset.check_goes_on(preset_of(saved, run))
    return saved


def check_episodes(run: Path, saved: dict[str, Any], found: int) -> None:
    """Raises IncompatibleModel where the replay has seen `found` episodes, fewer than the checkpoint's."""
    if found < saved["episodes"]:
        raise IncompatibleModel(
            f"{run / CHECKPOINT} was made with {saved['episodes']} episodes, the replay store beside it has seen "
            f"{found}"
        )


@contextmanager
def fitting(run: Path) -> Iterator[None]:
    """Restore parts of a checkpoint in here: raises IncompatibleModel where one does not fit its own preset."""
    try:
        yield
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        raise IncompatibleModel(f"{run / CHECKPOINT} does not fit its own preset: {error}") from error


def preset_of(saved: dict[str, Any], run: Path) -> Preset:
    """The preset in what `read_run` has read. Raises InvalidInput where it has a setting that is out of range."""
    return make_preset(saved["preset"], f"preset in {run / CHECKPOINT}")
