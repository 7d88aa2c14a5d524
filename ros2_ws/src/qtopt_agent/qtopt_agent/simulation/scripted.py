"""The scripted policy that fills the replay before anything is learned."""

import numpy as np

from qtopt_agent.core.action import Action, GripperCommand
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.policy import Decision
from qtopt_agent.core.profile import Profile
from qtopt_agent.simulation.objects import FLAT_AND_TALL

_HIGHER = 0.03  # m of the finger tips above the height at which an object counts as lifted
_NEAR = 0.015  # m beside the object's middle at which the jaw may go down and close
_CLEAR = 0.02  # m of an object's lowest point above the height at which it counts as lifted, at least
_SPARE = 0.01  # m above a margin that is asked for
_BELOW_PALM = 0.012  # m between an object's top and the palm
_SHUT = 0.004  # m between fingers that hold nothing


class ScriptedPolicy:
    """Reaches for the nearest object, clumsily: right often enough to learn from, and wrong in every way there is.

    It reads the simulator's privileged measurement, so it exists in simulation only.
    """

    name = "scripted"

    def __init__(
        self, profile: Profile, clumsiness: float = 1.0, objects: str = "train", lift_margin: float = 0.0
    ) -> None:
        """`clumsiness` scales all errors; 0 is the best this script can do. `objects`: as make_robot takes it.

        It reaches lower, turns sooner and lifts higher for splits with flat and tall things; for all others it acts as
        it did when compact-1 learned from it. With a `lift_margin`, m above the height that counts, it lifts anything
        until its lowest point is there.
        """
        cell = profile.cell
        self._space = profile.action_space
        self._names = profile.observation.state_names
        self._clumsiness = clumsiness
        self._flat_and_tall = objects in FLAT_AND_TALL
        self._done = cell.attempt.lift_height + _HIGHER
        self._clear = cell.attempt.lift_height + max(_CLEAR, lift_margin + _SPARE)
        self._looks_below = self._flat_and_tall or lift_margin > 0
        floor = cell.bin.position[2]
        self._lowest, self._highest = cell.workspace.low[2] - floor + 0.001, cell.workspace.high[2] - floor - 0.005
        self._depth = cell.jaw.finger_length - _BELOW_PALM

    def decide(self, observation: Observation, rng: np.random.Generator) -> Decision:
        """Choose a noisy step towards the object. Raises InvalidInput where there is no privileged measurement."""
        if observation.privileged is None:
            raise InvalidInput("the scripted policy needs a simulator's privileged measurement; there is none")
        state = dict(zip(self._names, observation.state, strict=True))
        choose = self._lift if state["closed"] > 0.5 else self._reach
        action = choose(observation.privileged, state)
        return Decision(self._space.project(self._spoil(action, rng).to_vector()))

    def _lift(self, privileged: np.ndarray, state: dict[str, np.float32]) -> Action:
        if state["height_m"] > self._done and not (self._looks_below and self._hangs_low(privileged, state)):
            return Action(np.zeros(3, dtype=np.float32), 0.0, terminate=True)
        return Action(np.array([0, 0, 0.06], dtype=np.float32), 0.0)

    def _hangs_low(self, privileged: np.ndarray, state: dict[str, np.float32]) -> bool:
        """Whether something may be in the jaw that is not clear of the walls, and there is room to lift it."""
        height, top = float(state["height_m"]), float(privileged[6])
        bottom = 2 * (height + float(privileged[2])) - top
        return bottom < self._clear and float(state["aperture_m"]) > _SHUT and height < self._highest

    def _reach(self, privileged: np.ndarray, state: dict[str, np.float32]) -> Action:
        x, y, z, cos2, sin2, _, top = (float(v) for v in privileged)
        height = float(state["height_m"])
        # The jaw closes along x: turn until the object's long axis lies along y.
        turn = (np.arctan2(sin2, cos2) / 2) % np.pi - np.pi / 2
        turn = turn if np.hypot(cos2, sin2) > (0.02 if self._flat_and_tall else 0.15) else 0.0
        grasp_height = max(0.008, height + z - 0.012)
        if self._flat_and_tall:
            grasp_height = max(self._lowest, height + z - 0.012, top - self._depth)
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
