"""Episodes that keep a simulated camera's whole frames, while the policy sees the part of them that its cell crops."""

from dataclasses import replace

import numpy as np

from qtopt_agent.core.observation import Observation
from qtopt_agent.core.policy import Decision, Policy
from qtopt_agent.core.profile import Profile
from qtopt_agent.perception.ingest import cut


def as_cropped(observation: Observation, profile: Profile) -> Observation:
    """`observation` as a policy of `profile` sees it: its cell's crop, where the picture is a whole frame."""
    size, camera = profile.observation.image_size, profile.cell.camera
    if observation.image.shape[:2] == size:
        return observation
    return replace(observation, image=cut(observation.image, camera.window(size), size))


class CroppingPolicy:
    """`policy`, of `profile`, shown whole frames."""

    def __init__(self, policy: Policy, profile: Profile) -> None:
        self.name = policy.name
        self._policy, self._profile = policy, profile

    def decide(self, observation: Observation, rng: np.random.Generator) -> Decision:
        """What the policy decides about its part of the frame."""
        return self._policy.decide(as_cropped(observation, self._profile), rng)
