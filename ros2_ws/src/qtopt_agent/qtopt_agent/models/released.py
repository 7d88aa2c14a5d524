"""Where the models are that came with the package. Without torch, for launch files: ROS 2's own Python may lack it."""

import os
from pathlib import Path

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.shared_files import shared


def released_models() -> Path:
    """The folder `models` here, or the models that came with the package. Raises InvalidInput without either."""
    if stores := _stores():
        return stores[0]
    raise InvalidInput("no folder models is here, and none came with the package: name a model (--model, model:=)")


def find_model(name: str | Path) -> Path:
    """The model that `name` means: a folder or, where there is none, the released model of that name.

    Raises InvalidInput where there is neither.
    """
    folder = Path(os.path.expanduser(name))  # of nobody's home, unlike Path's, this makes no error
    if os.path.exists(folder):  # unlike Path's, this takes any text
        return folder
    released = {path.name: path for store in reversed(_stores()) for path in sorted(store.glob("[!.]*/"))}
    if str(name) not in released:
        raise InvalidInput(f"{name} is not a model: no folder, and none of the released ones ({', '.join(released)})")
    return released[str(name)]


def _stores() -> list[Path]:
    folders = (Path("models"), shared("models"))
    return [folder for folder in folders if folder.is_dir()]
