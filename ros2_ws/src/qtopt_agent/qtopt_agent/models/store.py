"""Many models: a folder with one of each version."""

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from qtopt_agent.cells.agreement import disagreements
from qtopt_agent.core.cell import Cell
from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.core.profile import Profile
from qtopt_agent.models.current import read_current
from qtopt_agent.models.manifest import MANIFEST, WEIGHTS, Manifest
from qtopt_agent.models.opened import open_model, parse, read_manifest


@dataclass(frozen=True)
class Listed:
    """One folder of a store; `manifest` is None where it cannot be read, and `reason` says why.

    profile: as the manifest has it. Nothing else of the folder has been looked at.
    """

    folder: Path
    manifest: Manifest | None
    reason: str = ""
    profile: Profile | None = None

    def works_in(self, cell: Cell | None) -> bool:
        """Whether nothing of `cell` is too far from what the model was trained for; without one, of any."""
        p = self.profile
        if cell is None or p is None:
            return p is not None
        return not any(each.refused for each in disagreements(p.cell, cell, p.has_camera))


def list_models(store: Path) -> list[Listed]:
    """Model folders in `store`: the broken ones, then the others, oldest first.

    Raises InvalidInput if there is no such folder.
    """
    if not os.path.isdir(store):
        raise InvalidInput(f"there is no folder of models at {store}")
    found = [_listed(path.parent) for path in store.glob(f"[!.]*/{MANIFEST}")]
    return sorted(found, key=lambda each: (_created(each), each.folder.name))


def latest(store: Path, cell: Cell | None = None) -> Path:
    """The model in force in `store`: the one promoted last or, where none ever was, the newest that can be read.

    Given a `cell`, the newest of those that work in it. Raises InvalidInput if there is none.
    """
    if (current := read_current(store)) is not None:
        return store / current.version
    models = [each for each in list_models(store) if each.manifest]
    fitting = [each for each in models if each.works_in(cell)]
    if not fitting:
        others = f": {', '.join(each.folder.name for each in models)} are for other cells" if models else ""
        raise InvalidInput(f"there is no model in {store}{others}")
    return fitting[-1].folder


def model_in(folder: Path, cell: Cell | None = None) -> Path:
    """`folder` if it is a model, else the one in it that `latest` finds. Raises InvalidInput if there is none."""
    return folder if os.path.exists(folder / MANIFEST) else latest(folder, cell)


def copy_into(store: Path, candidate: Path) -> Path:
    """The folder of the model `candidate` in `store`, copied there by one rename where it is not there yet.

    Raises IncompatibleModel where it is damaged, InvalidInput where the store has another model of that name.
    """
    manifest = open_model(candidate).manifest
    version = manifest["version"]
    target = store / version
    if target.exists():
        if open_model(target).manifest["sha256"][WEIGHTS] != manifest["sha256"][WEIGHTS]:
            raise InvalidInput(f"{target} is another model of that name; a published version never changes")
        return target
    partial = store / f".partial-{version}-{os.getpid()}"
    try:
        shutil.copytree(candidate, partial)
        open_model(partial, version=version)
        os.rename(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _listed(folder: Path) -> Listed:
    try:
        manifest, spec = parse(folder, read_manifest(folder))
        return Listed(folder, manifest, profile=spec.profile)
    except IncompatibleModel as error:
        return Listed(folder, None, str(error))


def _created(listed: Listed) -> datetime:
    if listed.manifest is None:
        return datetime.min.replace(tzinfo=UTC)
    return datetime.fromisoformat(listed.manifest["created"])
