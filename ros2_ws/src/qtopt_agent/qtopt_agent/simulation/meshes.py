"""Objects from a folder of meshes: convex parts, a size that fits the jaw, and a pose in which they lie still.

What has been worked out is kept in $XDG_CACHE_HOME/qtopt/meshes, or ~/.cache/qtopt/meshes, under the file's hash.
"""

import hashlib
import os
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput, StorageError
from qtopt_agent.core.folders import walk
from qtopt_agent.simulation.convex import convex_parts
from qtopt_agent.simulation.engine import mujoco
from qtopt_agent.simulation.layout import Appearance
from qtopt_agent.simulation.mesh_files import FORMATS, read_file, read_mesh
from qtopt_agent.simulation.objects import ObjectSpec
from qtopt_agent.simulation.parts import Part
from qtopt_agent.simulation.scene import build_model

Array = NDArray[np.float64]

LENGTHS = (0.03, 0.12)  # m: the longest side of the bounding box is brought into this range
MAX_WIDTH = 0.05  # m: wider objects shrink until the jaw can close around them as they lie
DENSITY = 400.0  # kg/m^3, as the generator's objects
MASSES = (0.02, 0.3)  # kg
_VERSION = b"2"  # of all that shapes the result, convex.py included: raise it and the cache is built anew
_OUTLINE_POINTS = 200
_SETTLE_STEPS = 750  # 3 s: long enough to topple and come to rest


def load_meshes(
    folder: Path, limit: int | None = None, on_mesh: Callable[[int, int], None] | None = None
) -> list[ObjectSpec]:
    """One object for every mesh in `folder` and below, or the first `limit` of them by name.

    Links are followed. `on_mesh(ready, total)` is called after each. Meshes that cannot be used are left out with one
    warning that lists them. Raises InvalidInput when there is none that can.
    """
    found = (where / name for where, _, names in walk(folder) for name in names)
    paths = sorted(p for p in found if p.suffix.lower() in FORMATS and p.is_file())[:limit]
    if not paths:
        raise InvalidInput(f"{folder}: no {', '.join(FORMATS)} file in it")
    specs, failures = [], []
    for ready, path in enumerate(paths, 1):
        try:
            specs.append(load_mesh(path, str(path.relative_to(folder).with_suffix(""))))
        except InvalidInput as error:
            failures.append(str(error))
        if on_mesh is not None:
            on_mesh(ready, len(paths))
    if not specs:
        raise InvalidInput(f"{folder}: none of {len(paths)} meshes can be used:\n" + "\n".join(failures[:10]))
    if failures:
        warnings.warn(f"{len(failures)} of {len(paths)} meshes left out:\n" + "\n".join(failures), stacklevel=2)
    return specs


def load_mesh(path: Path, name: str) -> ObjectSpec:
    """The object in one file, from the cache where it has been seen before. Raises InvalidInput naming the file."""
    key = hashlib.sha256(_VERSION + read_file(path)).hexdigest()
    cached = _cache_folder() / f"{key}.npz"
    spec = _read_cache(cached, name)
    if spec is None:
        spec = _build(path, name)
        _write_cache(cached, spec)
    return spec


def _build(path: Path, name: str) -> ObjectSpec:
    vertices, faces = read_mesh(path)
    extent = np.ptp(vertices, axis=0)
    longest = float(extent.max())
    if not extent.min() > 1e-4 * longest:
        raise InvalidInput(f"{path}: the mesh is flat, {extent.tolist()} along x, y, z in the file's unit")
    scale = np.clip(longest, *LENGTHS) / longest
    try:
        return object_of(name, convex_parts(vertices * scale, faces))
    except ValueError as error:  # MuJoCo's word on parts without volume
        raise InvalidInput(f"{path}: not a solid that can be simulated ({error})") from error


def object_of(name: str, parts: list[Array]) -> ObjectSpec:
    """The object of convex parts [N, 3], m, as it lies after a fall, and no wider than MAX_WIDTH.

    Raises ValueError where a part has no volume.
    """
    parts = _lay_down(parts)
    shrink = min(1.0, MAX_WIDTH / _least_width(np.concatenate(parts)))
    parts = [part * shrink for part in parts]
    volume = _mass(parts, 1.0)
    return _spec(name, parts, float(np.clip(DENSITY * volume, *MASSES)) / volume)


def _spec(name: str, parts: list[Array], density: float) -> ObjectSpec:
    pieces = tuple(Part("mesh", vertices=part) for part in parts)
    return ObjectSpec(name, pieces, density, _outline(np.concatenate(parts)))


def _lay_down(parts: list[Array]) -> list[Array]:
    """The parts as they come to rest when dropped, centred on the middle of their bounding box."""
    points = np.concatenate(parts)
    middle = (points.max(0) + points.min(0)) / 2
    parts = [part - middle for part in parts]
    model = _compile(parts, DENSITY)
    data = mujoco.MjData(model)
    data.qpos[:3] = data.ctrl[:3] = (0, 0, 0.6)  # the hand, out of the way
    # Tilted by 3 degrees, so that it does not stay balanced on an edge.
    data.qpos[6:13] = [0, 0, np.linalg.norm(points - middle, axis=1).max(), 0.9997, 0.02, 0.014, 0]
    mujoco.mj_step(model, data, nstep=_SETTLE_STEPS)
    turn = data.xmat[model.body("object0").id].reshape(3, 3)
    parts = [part @ turn.T for part in parts]
    points = np.concatenate(parts)
    return [part - (points.max(0) + points.min(0)) / 2 for part in parts]


def _compile(parts: list[Array], density: float) -> mujoco.MjModel:
    white = (1.0, 1.0, 1.0)
    return build_model([_spec("mesh", parts, density)], Appearance(white, white, (white,), (0.0, 0.0, 1.0)))


def _mass(parts: list[Array], density: float) -> float:
    model = _compile(parts, density)
    return float(model.body_mass[model.body("object0").id])


def _least_width(points: Array) -> float:
    """The narrowest horizontal extent over all directions, m."""
    angle = np.arange(36) * np.pi / 36
    across = points[:, :2] @ np.array([np.cos(angle), np.sin(angle)])
    return float(np.ptp(across, axis=0).min())


def _outline(points: Array) -> Array:
    """The corners that lie farthest in evenly spread directions (Fibonacci sphere): enough for extents and moments."""
    k = np.arange(_OUTLINE_POINTS - 6)
    z = 1 - (2 * k + 1) / len(k)
    turn = k * np.pi * (3 - np.sqrt(5))
    flat = np.sqrt(1 - z**2)
    directions = np.column_stack([flat * np.cos(turn), flat * np.sin(turn), z])
    directions = np.concatenate([directions, np.eye(3), -np.eye(3)])
    return points[np.unique((points @ directions.T).argmax(0))]


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qtopt" / "meshes"


def _read_cache(path: Path, name: str) -> ObjectSpec | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            corners, sizes, density = stored["corners"], stored["sizes"], float(stored["density"])
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return None  # not there, or damaged: it is built anew
    return _spec(name, np.split(corners, np.cumsum(sizes)[:-1]), density)


def _write_cache(path: Path, spec: ObjectSpec) -> None:
    parts = [part.vertices for part in spec.parts if part.vertices is not None]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:  # several processes may build the same mesh
            new = Path(folder) / path.name
            np.savez(new, corners=np.concatenate(parts), sizes=[len(part) for part in parts], density=spec.density)
            new.replace(path)
    except OSError as error:
        raise StorageError(f"cannot keep {path} ({error}); set XDG_CACHE_HOME to a folder you may write") from error
