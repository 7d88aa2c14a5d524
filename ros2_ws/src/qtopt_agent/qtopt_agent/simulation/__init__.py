"""The embedded MuJoCo world, which runs wherever Python runs, and the cell and objects that other simulators share."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from qtopt_agent.core.cell import EMBEDDED, Cell
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.looks import PLAIN, Looks
from qtopt_agent.core.profile import Profile
from qtopt_agent.simulation.layout import ObjectSource
from qtopt_agent.simulation.measurement import PRIVILEGED_NAMES, PRIVILEGED_SIZE
from qtopt_agent.simulation.objects import FAMILIES, SPLITS, sample_object

if TYPE_CHECKING:  # it brings MuJoCo, which Gazebo's side does without
    from qtopt_agent.simulation.robot import SimulatedRobot

__all__ = [
    "PRIVILEGED_NAMES",
    "PRIVILEGED_SIZE",
    "check_objects",
    "make_robot",
    "object_source",
    "prepare_objects",
]


def make_robot(
    profile: Profile,
    objects: str = "train",
    clutter: tuple[int, int] = (1, 1),
    *,
    max_meshes: int | None = None,
    renderer: str = "rays",
    looks: Looks = PLAIN,
) -> "SimulatedRobot":
    """A simulated robot over a bin with `clutter` (fewest, most) objects.

    `objects`: a split of the generator (a key of FAMILIES) or a folder of meshes, of which the
    first `max_meshes` by name are used. `renderer`: "rays", or "egl" where the system has it, faster on large images.
    `looks`: what varies from one episode to the next beside objects, places, colours and light; only "rays" draw looks
    that are not plain. Raises InvalidInput on anything else.
    """
    from qtopt_agent.simulation.robot import SimulatedRobot

    source = object_source(objects, max_meshes, cell=profile.cell)
    return SimulatedRobot(profile, source, clutter, renderer, looks)


def check_objects(objects: str) -> None:
    """Raise InvalidInput where `objects` is neither a split of shape families nor a folder."""
    if objects not in FAMILIES and not os.path.isdir(objects):
        raise InvalidInput(f"objects {objects!r}: expected {SPLITS}, or a folder of meshes")


def prepare_objects(
    objects: str, max_meshes: int | None = None, on_mesh: Callable[[int, int], None] | None = None
) -> None:
    """Check `objects`, and work a folder's meshes out ahead of time, so that other processes find them in the cache.

    `on_mesh(ready, total)` is called after each mesh. Raises what make_robot raises.
    """
    object_source(objects, max_meshes, on_mesh)


def object_source(
    objects: str,
    max_meshes: int | None = None,
    on_mesh: Callable[[int, int], None] | None = None,
    cell: Cell = EMBEDDED,
) -> ObjectSource:
    """Draws objects for make_robot, whose arguments these are. Only a folder of meshes needs MuJoCo."""
    if objects in FAMILIES:
        return lambda rng: sample_object(objects, rng, cell)
    check_objects(objects)
    from qtopt_agent.simulation.meshes import load_meshes

    specs = load_meshes(Path(objects), max_meshes, on_mesh)
    return lambda rng: specs[int(rng.integers(len(specs)))]
