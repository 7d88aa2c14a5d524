"""A profile fixes what a model sees and does: camera, state, action space, reward."""

from dataclasses import dataclass

import numpy as np

from qtopt_agent.core.action import ActionSpace, grasp_action_space
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import ObservationSpec


@dataclass(frozen=True)
class Profile:
    """`network` names the Q-function, `camera` the view ("wrist", "shoulder" or "none").

    Reward: `success_reward` on the last step of a successful episode, minus `step_cost` on every step before the last.
    """

    name: str
    network: str
    camera: str
    observation: ObservationSpec
    action_space: ActionSpace
    max_steps: int
    step_cost: float
    discount: float
    success_reward: float = 1.0

    @property
    def has_mirror_images(self) -> bool:
        """Whether a flipped view is a view of the same task: not so for a camera beside the bin."""
        return self.camera in ("wrist", "none")

    def reward(self, last: bool, success: bool) -> float:
        """The reward of one step; `success` counts on the episode's last step only."""
        return self.success_reward * success if last else -self.step_cost


PAPER = Profile(
    # Kalashnikov et al. 2018, section 4 and appendix: 472x472 crop, 20 steps, penalty 0.05, discount 0.9.
    name="paper",
    network="grasping44",
    camera="shoulder",
    observation=ObservationSpec((472, 472), ("closed", "height_m")),
    action_space=grasp_action_space((0.06, 0.06, 0.06), np.pi / 2),
    max_steps=20,
    step_cost=0.05,
    discount=0.9,
)

COMPACT = Profile(
    name="compact",
    network="compact",
    camera="wrist",
    observation=ObservationSpec((32, 32), ("aperture_m", "height_m", "closed", "steps_done")),
    action_space=grasp_action_space((0.06, 0.06, 0.06), np.pi / 3),
    max_steps=20,
    step_cost=0.01,
    discount=0.95,
)

LOWDIM = Profile(
    name="lowdim",
    network="mlp",
    camera="none",
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

PROFILES = {profile.name: profile for profile in (PAPER, COMPACT, LOWDIM)}


def get_profile(name: str) -> Profile:
    """The profile called `name`; raises InvalidInput, listing those there are."""
    if name not in PROFILES:
        raise InvalidInput(f"unknown profile {name!r}, expected one of {', '.join(PROFILES)}")
    return PROFILES[name]
