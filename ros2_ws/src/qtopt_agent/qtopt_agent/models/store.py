"""Many models: a folder with one of each version."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from qtopt_agent.cells.agreement import disagreements
from qtopt_agent.core.cell import Cell
from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.models.folder import describe, profile_of
from qtopt_agent.models.manifest import MANIFEST, Manifest


@dataclass(frozen=True)
class Listed:
    """One folder of a store; `manifest` is None where it is broken, and `reason` says why."""

    folder: Path
    manifest: Manifest | None
    reason: str = ""


def list_models(store: Path) -> list[Listed]:
    """Model folders in `store`: the broken ones, then the others, oldest first.

    Raises InvalidInput if there is no such folder.
    """
    if not os.path.isdir(store):
        raise InvalidInput(f"there is no folder of models at {store}")
    found = [_listed(path.parent) for path in store.glob(f"[!.]*/{MANIFEST}")]
    return sorted(found, key=lambda each: (_created(each), each.folder.name))


def latest(store: Path, cell: Cell | None = None) -> Path:
    """The newest model in `store` whose manifest can be read; given a `cell`, of those that work in it.

    Raises InvalidInput if there is none.
    """
    models = [each.folder for each in list_models(store) if each.manifest]
    fitting = [folder for folder in models if cell is None or works_in(folder, cell)]
    if not fitting:
        others = f": {', '.join(folder.name for folder in models)} are for other cells" if models else ""
        raise InvalidInput(f"there is no model in {store}{others}")
    return fitting[-1]


def model_in(folder: Path, cell: Cell | None = None) -> Path:
    """`folder` if it is a model, else the newest in it, as `latest` finds it. Raises InvalidInput if there is none."""
    return folder if os.path.exists(folder / MANIFEST) else latest(folder, cell)


def works_in(folder: Path, cell: Cell) -> bool:
    """Whether nothing of `cell` is too far from what the model was trained for. Raises IncompatibleModel."""
    profile = profile_of(folder)
    return not any(each.refused for each in disagreements(profile.cell, cell, profile.has_camera))


def _listed(folder: Path) -> Listed:
    try:
        return Listed(folder, describe(folder))
    except IncompatibleModel as error:
        return Listed(folder, None, str(error))


def _created(listed: Listed) -> datetime:
    if listed.manifest is None:
        return datetime.min.replace(tzinfo=UTC)
    return datetime.fromisoformat(listed.manifest["created"])
