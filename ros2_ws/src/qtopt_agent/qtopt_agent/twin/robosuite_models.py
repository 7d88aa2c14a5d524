"""robosuite's arms, hands and textures, read from where pip has put them; robosuite itself is never imported."""

import importlib.util
import re
from pathlib import Path

import mujoco

from qtopt_agent.core.errors import InvalidInput

INSTALL = "pip install --no-deps robosuite==1.5.2"
_MESH = re.compile(r'<mesh name="([^"]*)"[^>]*/>')


def assets() -> Path:
    """The folder with robosuite's models. Raises InvalidInput, with how to get them, where there is none."""
    found = importlib.util.find_spec("robosuite")  # which does not import it: that would bring numba and OpenGL
    places = found.submodule_search_locations if found is not None else None
    folder = Path(places[0]) / "models" / "assets" if places else None
    if folder is None or not folder.is_dir():
        raise InvalidInput(f"the twin needs the models of robosuite, which are not installed: {INSTALL}")
    return folder


def read_model(file: Path) -> mujoco.MjSpec:
    """A model of robosuite as MuJoCo compiles it: of meshes with one name only the first is kept.

    The second mesh of that name in `robotiq_gripper_85.xml` is of a file that robosuite does not ship.
    """
    seen: set[str] = set()

    def first(mesh: re.Match[str]) -> str:
        again = mesh[1] in seen
        seen.add(mesh[1])
        return "" if again else mesh[0]

    spec = mujoco.MjSpec.from_string(_MESH.sub(first, file.read_text(encoding="utf-8")))
    spec.modelfiledir = str(file.parent)
    spec.compiler.degree = False  # robosuite's hands take it from the arm that they are on
    return spec
