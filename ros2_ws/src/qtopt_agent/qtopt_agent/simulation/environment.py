"""The grasping task as a Gymnasium environment, `QtoptGrasp-v0`, for other people's learners."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from qtopt_agent.core.action import Action
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.profile import get_profile
from qtopt_agent.simulation import make_robot

ENVIRONMENT_ID = "QtoptGrasp-v0"
_STATE_LIMIT = 100.0  # m; an object that falls off the table for a whole episode stays within it
_PICTURE_SIZE = (360, 480)  # px, height and width


class GraspEnvironment(gymnasium.Env[Any, NDArray[np.float32]]):
    """One grasp attempt an episode.

    Observation: a dict of `image` uint8 [H, W, 3] and `state` float32 [S]; the bare state where the profile has no
    camera. Action: float32 [8] in metres and (sin, cos) of yaw, laid out and bounded as the profile's ActionSpace, onto
    which it is projected. An episode terminates on the terminate flag or at the profile's step limit, with the
    profile's reward. `info` holds `success`, the simulator's `privileged` measurement and, after a step, the
    `executed` action.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 5}  # noqa: RUF012

    def __init__(
        self,
        profile: str = "compact",
        objects: str = "train",
        clutter: tuple[int, int] = (1, 1),
        renderer: str = "rays",
        render_mode: str | None = None,
    ) -> None:
        """`profile`: compact, detailed, lowdim or paper. The rest as make_robot takes it."""
        if render_mode not in (None, "rgb_array"):
            raise InvalidInput(f"render_mode is {render_mode!r}, expected 'rgb_array' or none")
        self.render_mode = render_mode
        self._profile = get_profile(profile)
        self._robot = make_robot(self._profile, objects, clutter, renderer=renderer)
        self._steps = 0
        spec, actions = self._profile.observation, self._profile.action_space
        state = spaces.Box(-_STATE_LIMIT, _STATE_LIMIT, (spec.state_size,), np.float32)
        image = spaces.Box(0, 255, (*spec.image_size, 3), np.uint8)
        self.observation_space = spaces.Dict({"image": image, "state": state}) if self._profile.has_camera else state
        circle, flags = len(actions.max_angle), len(actions.choices)
        low = [*actions.low, *[-1.0] * (2 * circle), *[0.0] * flags]
        high = [*actions.high, *[1.0] * (2 * circle), *[1.0] * flags]
        self.action_space = spaces.Box(np.array(low, np.float32), np.array(high, np.float32))

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Lay out new objects; the same `seed` gives the same episode, here and in the EpisodeRunner."""
        super().reset(seed=seed, options=options)
        self._steps = 0
        observation = self._robot.reset(int(self.np_random.integers(2**31)) if seed is None else seed)
        return self._visible(observation), {"success": False, "privileged": observation.privileged}

    def step(self, action: NDArray[np.float32]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Act for one 0.2 s control step. Raises InvalidInput unless `action` is 8 finite numbers."""
        chosen = Action.from_vector(self._profile.action_space.project(action))
        executed = self._robot.execute(chosen)
        self._steps += 1
        terminated = chosen.terminate or self._steps >= self._profile.max_steps
        success = terminated and self._robot.succeeded()
        observation = self._robot.observe()
        info = {"success": success, "privileged": observation.privileged, "executed": executed.to_vector()}
        return self._visible(observation), self._profile.reward(terminated, success), terminated, False, info

    def render(self) -> NDArray[np.uint8] | None:
        """A picture of the whole scene, uint8 [360, 480, 3] RGB."""
        return self._robot.scene_image(*_PICTURE_SIZE) if self.render_mode else None

    def _visible(self, observation: Observation) -> Any:
        if not self._profile.has_camera:
            return observation.state
        return {"image": observation.image, "state": observation.state}


gymnasium.register(ENVIRONMENT_ID, entry_point=f"{__name__}:GraspEnvironment")
