"""The scripted policy that fills the replay before anything is learned."""

import numpy as np

from qtopt_agent.core.action import Action, GripperCommand
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.policy import Decision
from qtopt_agent.core.profile import Profile

_HIGHER = 0.03  # m of the finger tips above the height at which an object counts as lifted
_NEAR = 0.015  # m beside the object's middle at which the jaw may go down and close


class ScriptedPolicy:
    """Reaches for the nearest object, clumsily: right often enough to learn from, and wrong in every way there is.

    It reads the simulator's privileged measurement, so it exists in simulation only.
    """

    name = "scripted"

    def __init__(self, profile: Profile, clumsiness: float = 1.0) -> None:
        """`clumsiness` scales all errors; 0 is the best this script can do."""
        self._space = profile.action_space
        self._names = profile.observation.state_names
        self._clumsiness = clumsiness
        self._done = profile.cell.attempt.lift_height + _HIGHER

    def decide(self, observation: Observation, rng: np.random.Generator) -> Decision:
        """Choose a noisy step towards the object. Raises InvalidInput where there is no privileged measurement."""
        if observation.privileged is None:
            raise InvalidInput("the scripted policy needs a simulator's privileged measurement; there is none")
        state = dict(zip(self._names, observation.state, strict=True))
        action = self._lift(state["height_m"]) if state["closed"] > 0.5 else self._reach(observation.privileged, state)
        return Decision(self._space.project(self._spoil(action, rng).to_vector()))

    def _lift(self, height: float) -> Action:
        if height > self._done:
            return Action(np.zeros(3, dtype=np.float32), 0.0, terminate=True)
        return Action(np.array([0, 0, 0.06], dtype=np.float32), 0.0)

    def _reach(self, privileged: np.ndarray, state: dict[str, np.float32]) -> Action:
        x, y, z, cos2, sin2, _, top = (float(v) for v in privileged)
        height = float(state["height_m"])
        # The jaw closes along x: turn until the object's long axis lies along y.
        turn = (np.arctan2(sin2, cos2) / 2) % np.pi - np.pi / 2
        turn = turn if np.hypot(cos2, sin2) > 0.15 else 0.0
        grasp_height = max(0.008, height + z - 0.012)
        near = np.hypot(x, y) < _NEAR
        goal = grasp_height if np.hypot(x, y) < 2 * _NEAR else max(top + 0.03, grasp_height)
        there = near and height - grasp_height < 0.01 and abs(turn) < 0.4
        gripper = GripperCommand.CLOSE if there else GripperCommand.KEEP
        return Action(np.array([x, y, goal - height], dtype=np.float32), turn, gripper)

    def _spoil(self, action: Action, rng: np.random.Generator) -> Action:
        clumsy = self._clumsiness
        slip = rng.random() < 0.35 * clumsy
        noise = rng.normal(0, clumsy * (0.04 if slip else 0.012), 3)
        yaw = action.yaw + rng.normal(0, clumsy * (1.0 if slip else 0.35))
        gripper, terminate = action.gripper, action.terminate
        if rng.random() < 0.11 * clumsy:
            gripper = GripperCommand(int(rng.integers(3)))
        if rng.random() < 0.03 * clumsy:
            terminate = True
        return Action((action.translation + noise).astype(np.float32), yaw, gripper, terminate)
