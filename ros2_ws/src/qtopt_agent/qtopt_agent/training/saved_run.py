"""What the checkpoint in a training run's folder holds."""

from pathlib import Path
from typing import Any

from qtopt_agent.core.errors import IncompatibleModel
from qtopt_agent.learning.checkpoint import load_checkpoint
from qtopt_agent.learning.preset import Preset, make_preset

CHECKPOINT = "checkpoint.pt"
FORMAT = 3

_FIELDS = {"learner": dict, "rng": str, "episodes": int, "seed": int, "collect": bool, "minutes": float, "preset": dict}


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


def preset_of(saved: dict[str, Any], run: Path) -> Preset:
    """The preset in what `read_run` has read. Raises InvalidInput where it has a setting that is out of range."""
    return make_preset(saved["preset"], f"preset in {run / CHECKPOINT}")
