"""What goes wrong with real cameras and arms, one thing at a time, for a model that has learned without it.

They are no training's ranges: each is one-sided and strong, and patterns are made another way than Looks' waves.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.cell import Camera, Cell
from qtopt_agent.core.errors import unknown
from qtopt_agent.core.looks import PLAIN, Looks, only
from qtopt_agent.core.profile import Profile
from qtopt_agent.rollouts.parallel import RolloutPlan

CLEAN = "clean"
ALL = "all"


@dataclass(frozen=True)
class Disturbance:
    """`meaning`: what it is, for a table. The policy knows the undisturbed cell alone."""

    meaning: str
    looks: Looks = PLAIN
    camera: Callable[[Camera], Camera] | None = None

    def of(self, cell: Cell) -> Cell:
        """The cell that there really is. Raises InvalidInput where there can be none."""
        return cell if self.camera is None else replace(cell, camera=self.camera(cell.camera))


def _moved(camera: Camera) -> Camera:
    return replace(camera, position=(camera.position[0], camera.position[1] + 0.01, camera.position[2]))


def _narrower(camera: Camera) -> Camera:
    fx, fy, cx, cy = camera.intrinsics
    return replace(camera, vertical_view=0.0, fx=1.1 * fx, fy=1.1 * fy, cx=cx, cy=cy)


DISTURBANCES = {
    "texture": Disturbance(
        "1/f noise on all surfaces, half of a colour",
        only(textured=1.0, patterns="noise", pattern_period=(0.08, 0.08), pattern_contrast=(0.5, 0.5)),
    ),
    "warm": Disturbance("red 1.22 times, blue divided by it", only(warmth=(0.2, 0.2))),
    "cold": Disturbance("blue 1.22 times, red divided by it", only(warmth=(-0.2, -0.2))),
    "dark": Disturbance("half the light", only(exposure=(-1.0, -1.0))),
    "bright": Disturbance("twice the light, whatever that burns out", only(exposure=(1.0, 1.0))),
    "noise": Disturbance("16 grey levels a pixel", only(pixel_noise=(16.0, 16.0))),
    "blur": Disturbance("Gaussian, 1 px", only(blur=(1.0, 1.0))),
    "jpeg": Disturbance("quality 30", only(jpeg=1.0, jpeg_quality=(30, 30))),
    "grey": Disturbance("no colours", only(saturation=(0.0, 0.0))),
    "late": Disturbance("pictures one step old", only(picture_age=(1.0, 1.0))),
    "moved": Disturbance("camera 1 cm beside the jaw, along y", camera=_moved),
    "narrow": Disturbance("focal length 1.1 times", camera=_narrower),
    "slippery": Disturbance("half the friction", only(friction=(0.5, 0.5))),
    "inexact": Disturbance("motions off by 20 % of their length", only(motion_error=(0.2, 0.2))),
}
"""Every disturbance by its name."""


def chosen(names: str) -> list[str]:
    """The disturbances in "all" or "warm,noise". Raises InvalidInput on an unknown one."""
    if names == ALL:
        return list(DISTURBANCES)
    found = [name.strip() for name in names.split(",")]
    for name in found:
        if name not in DISTURBANCES:
            raise unknown("disturbance", name, DISTURBANCES)
    return found


def disturbed(plan: RolloutPlan, name: str) -> RolloutPlan:
    """The episodes of `plan` under the disturbance called `name`; as they are for "clean"."""
    if name == CLEAN:
        return plan
    disturbance = DISTURBANCES[name]
    return replace(plan, looks=disturbance.looks, cell=disturbance.of(plan.simulated.cell))


def examples(profile: Profile, objects: str, names: Iterable[str], seeds: Iterable[int]) -> NDArray[np.uint8]:
    """What the policy sees first, a column for each of the `names` and a row for each of the `seeds`: [H, W, 3]."""
    from qtopt_agent.simulation import make_robot

    columns = []
    for name in names:
        plan = disturbed(RolloutPlan("scripted", profile, objects), name)
        robot = make_robot(plan.simulated, objects, (3, 3), looks=plan.looks)
        columns.append(np.vstack([robot.reset(seed).image for seed in seeds]))
    return np.hstack(columns)
