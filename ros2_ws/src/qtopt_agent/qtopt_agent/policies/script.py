"""What the scripts have in common, which make the first data: they go somewhere, lower, close, lift and end."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.action import Action, GripperCommand
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import MOVED, Observation
from qtopt_agent.core.policy import Decision
from qtopt_agent.core.profile import Profile

SHUT = 0.004  # m between fingers that hold nothing

_HIGHER = 0.03  # m of the finger tips above the height at which an object counts as lifted
_BESIDE = 0.012  # m beside the place at which the jaw may go down
_ASKEW = 0.15  # rad, likewise
_HELD_UP = 0.004  # m: a hand that was told to go down and has come no lower lies on something
_DEPTH = 0.02  # m between the lowest and the highest place at which the jaw closes
_NEEDED = ("aperture_m", "height_m", "closed", "steps_done", *MOVED)

Place = tuple[float, float, float]
"""Where to grasp, in the hand's frame as it is now: x, y, m, and how far to turn, rad."""


class Script:
    """What the scripts have in common. They remember where they want to go; an attempt begins where no step is done.

    Raises InvalidInput where the profile's state lacks what they go by.
    """

    name = "script"

    def __init__(self, profile: Profile) -> None:
        if missing := set(_NEEDED) - set(profile.observation.state_names):
            raise InvalidInput(
                f"{self.name} needs {', '.join(sorted(missing))}, which profile {profile.name} does not have; "
                "expected one such as detailed"
            )
        cell = profile.cell
        self._space, self._names = profile.action_space, profile.observation.state_names
        floor = cell.bin.position[2]
        self._lowest, self._highest = cell.workspace.low[2] - floor + 0.001, cell.workspace.high[2] - floor - 0.005
        self._done = min(cell.attempt.lift_height + _HIGHER, self._highest)
        self._place: Place | None = None
        self._start: Place = (0.0, 0.0, 0.0)
        self._depth = self._lowest
        self._last_height = np.inf

    def decide(self, observation: Observation, rng: np.random.Generator) -> Decision:
        """The next motion. Raises InvalidInput where the state has another length."""
        state = dict(zip(self._names, map(float, observation.state), strict=True))
        if first := state["steps_done"] == 0:
            self._place, self._start, self._last_height = None, (0.0, 0.0, 0.0), np.inf
            self._depth = min(self._lowest + float(rng.uniform(0, _DEPTH)), self._done)
        else:
            self._start = _after(self._start, state)
            self._place = self._place and _after(self._place, state)
        if state["closed"] > 0.5 and (first or state["aperture_m"] < SHUT):
            self._place = None  # there was nothing: somewhere else
            action = motion(0, 0, self._space.high[2], 0, GripperCommand.OPEN)
        elif state["closed"] > 0.5:
            action = self._lift(state)
        else:
            action = self._next(observation, state, rng)
        self._last_height = state["height_m"] if action.translation[2] < -_HELD_UP else np.inf
        return Decision(self._space.project(action.to_vector()))

    def _next(self, observation: Observation, state: Mapping[str, float], rng: np.random.Generator) -> Action:
        """What to do with an open jaw; place and start are told in the hand's frame as it is now."""
        raise NotImplementedError

    def _lift(self, state: Mapping[str, float]) -> Action:
        """Up, and an end there."""
        if state["height_m"] >= self._done - 0.005:
            return Action(np.zeros(3, np.float32), 0.0, terminate=True)
        return motion(0, 0, self._highest - state["height_m"])

    def _reach(self, state: Mapping[str, float], place: Place, hover: float = np.inf) -> Action:
        """Above the place, at `hover`, m above the floor, or lower if it is; then down until it closes."""
        x, y, turn = place
        height = state["height_m"]
        if np.hypot(x, y) > _BESIDE or abs(turn) > _ASKEW:
            return motion(x, y, min(0.0, max(hover, self._depth) - height), turn)
        if height <= self._depth + 0.005 or height > self._last_height - _HELD_UP:
            return motion(x, y, 0, turn, GripperCommand.CLOSE)
        return motion(x, y, self._depth - height, turn)


def _after(place: Place, state: Mapping[str, float]) -> Place:
    """`place` in the hand's frame after the motion that the state tells of."""
    x, y, turned = (state[MOVED[i]] for i in (0, 1, 3))
    c, s = np.cos(turned), np.sin(turned)
    ahead, aside = place[0] - x, place[1] - y
    return c * ahead + s * aside, c * aside - s * ahead, place[2] - turned


def motion(x: float, y: float, z: float, turn: float = 0.0, gripper: GripperCommand = GripperCommand.KEEP) -> Action:
    """A motion by x, y, z, m, in the hand's frame, and a turn, rad."""
    translation: NDArray[np.float32] = np.array([x, y, z], dtype=np.float32)
    return Action(translation, float(turn), gripper)
