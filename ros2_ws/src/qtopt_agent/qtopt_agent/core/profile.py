"""A profile fixes what a model sees and does: camera, state, action space, reward."""

import re
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np

from qtopt_agent.core.action import ActionSpace, grasp_action_space
from qtopt_agent.core.cell import EMBEDDED, SHOULDER, Cell
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.mirrors import MIRRORS, Reflection
from qtopt_agent.core.observation import MOVED, ObservationSpec
from qtopt_agent.core.ranges import Range, convert_fields


@dataclass(frozen=True)
class Profile:
    """`network` names the Q-function; `cell` is where it acts: bin, jaw and, where there is an image, the camera.

    Reward: `success_reward` on the last step of a successful episode, minus `step_cost` on every step before the last.

    Raises InvalidInput, naming profile and field, where a value is out of its range or two do not go together.
    """

    name: str
    network: str
    observation: ObservationSpec
    action_space: ActionSpace
    max_steps: Annotated[int, Range(1, 1_000_000)]
    step_cost: Annotated[float, Range(0, 1)]
    discount: Annotated[float, Range(0, 1)]
    success_reward: Annotated[float, Range(0, 1, above=True)] = 1.0
    cell: Cell = EMBEDDED

    def __post_init__(self) -> None:
        convert_fields(self, f"profile {self.name!r}: ")
        if not re.fullmatch(r"[\w.-]{1,100}", self.name, re.ASCII):
            raise InvalidInput(f"profile name is {self.name!r}, expected letters, digits, '_', '-', '.', at most 100")
        size = self.observation.image_size
        if self.has_camera:
            left, top, width, height = self.cell.camera.window(size)
            if width < size[1] or height < size[0]:
                raise InvalidInput(
                    f"profile {self.name!r}: its image of {size[1]}x{size[0]} px is larger than what the cell's camera "
                    f"gives, {width}x{height} px at {left}, {top}"
                )

    @property
    def has_camera(self) -> bool:
        """Whether there is an image."""
        return any(self.observation.image_size)

    @property
    def mirrors(self) -> tuple[Reflection, ...]:
        """Those of MIRRORS that make a view into another view of the same task."""
        return tuple(each for each in MIRRORS if not self.has_camera or each[0] in self.cell.mirrors)

    def whole_frames(self) -> "Profile":
        """The same with all that the cell's camera sees in the image, nothing cut off and nothing scaled."""
        camera = self.cell.camera
        spec = replace(self.observation, image_size=(camera.height, camera.width))
        return replace(self, observation=spec, cell=replace(self.cell, camera=replace(camera, crop=())))

    def reward(self, last: bool, success: bool) -> float:
        """The reward of one step; `success` counts on the episode's last step only."""
        return self.success_reward * success if last else -self.step_cost


PAPER = Profile(
    # Kalashnikov et al. 2018, section 4 and appendix: 472x472 crop, 20 steps, penalty 0.05, discount 0.9.
    name="paper",
    network="grasping44",
    observation=ObservationSpec((472, 472), ("closed", "height_m")),
    action_space=grasp_action_space((0.06, 0.06, 0.06), np.pi / 2),
    max_steps=20,
    step_cost=0.05,
    discount=0.9,
    cell=SHOULDER,
)

COMPACT = Profile(
    name="compact",
    network="compact",
    observation=ObservationSpec((32, 32), ("aperture_m", "height_m", "closed", "steps_done")),
    action_space=grasp_action_space((0.06, 0.06, 0.06), np.pi / 3),
    max_steps=20,
    step_cost=0.01,
    discount=0.95,
)

DETAILED = replace(
    COMPACT,
    name="detailed",
    network="detailed",
    observation=ObservationSpec((64, 64), (*COMPACT.observation.state_names, *MOVED)),
)

LOWDIM = Profile(
    name="lowdim",
    network="mlp",
    observation=ObservationSpec(
        (0, 0),
        (
            "aperture_m",
            "height_m",
            "closed",
            "steps_done",
            "object_x_m",
            "object_y_m",
            "object_z_m",
            "object_cos2",
            "object_sin2",
            "object_width_m",
        ),
    ),
    action_space=grasp_action_space((0.06, 0.06, 0.06), np.pi / 3),
    max_steps=20,
    step_cost=0.01,
    discount=0.95,
)

PROFILES = {profile.name: profile for profile in (PAPER, COMPACT, DETAILED, LOWDIM)}


def get_profile(name: str) -> Profile:
    """The profile called `name`; raises InvalidInput, listing those there are."""
    if name not in PROFILES:
        raise InvalidInput(f"unknown profile {name!r}, expected one of {', '.join(PROFILES)}")
    return PROFILES[name]
