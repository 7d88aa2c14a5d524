"""What a person's device says, as motions of the hand: a gamepad or SpaceMouse (sensor_msgs/Joy), or keys."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qtopt_agent.core.action import Action, GripperCommand
from qtopt_agent.core.errors import InvalidInput

SILENCE = 0.3  # s: a device that was heard before moves nothing
KEY_MOVES = 0.3  # s that a key moves the hand; a held key repeats itself sooner
KEY_HOLDS = 0.8  # s that it keeps hold: longer than a terminal waits before it repeats a held key
BUTTONS = ("hold", "close", "open", "end", "success", "failure")

HELP = """keys, as long as they are pressed:
  a d left, right (x)    w s forth, back (y)    r f up, down    q e turn
  space hold still       c close    o open      x end the attempt
  y the last grasp succeeded    n it failed     Ctrl-C ends
All along the gripper's own axes: x closes the jaw, z points up."""


@dataclass(frozen=True)
class Wants:
    """action: what the hand wants; None: it has let go. silent: the device may be dead. label: of the last grasp."""

    action: Action | None
    silent: bool = False
    label: bool | None = None


class Stick:
    """axes: which of the device's are x, y, z and yaw, from 0; scales: m and rad of one motion at full deflection, with
    sign; buttons: which are BUTTONS; -1 for none. Where close and open are one button, it does one after the other.
    """

    def __init__(
        self, axes: Sequence[int], scales: Sequence[float], buttons: Sequence[int], dead_zone: float = 0.1
    ) -> None:
        """Raises InvalidInput where a list has another length, or no button holds."""
        for name, values, count in (("axes", axes, 4), ("scales", scales, 4), ("buttons", buttons, len(BUTTONS))):
            if len(values) != count:
                raise InvalidInput(f"{name} are {list(values)}, expected {count} numbers")
        self._buttons = dict(zip(BUTTONS, buttons, strict=True))
        if self._buttons["hold"] < 0:
            raise InvalidInput(f"buttons are {list(buttons)}, expected the first to be one that has to be held")
        self._axes, self._scales, self._dead_zone = axes, scales, dead_zone
        self._heard = -np.inf
        self._deflection: Sequence[float] = ()
        self._pressed: set[str] = set()
        self._label: bool | None = None
        self._jaw = GripperCommand.OPEN

    def heard(self, axes: Sequence[float], buttons: Sequence[int], now: float) -> None:
        """A message of the device. Axes or buttons that it does not have count as untouched, as do those not finite."""
        before = self._pressed
        self._pressed = {name for name, i in self._buttons.items() if 0 <= i < len(buttons) and buttons[i]}
        new = self._pressed - before
        if new & {"success", "failure"}:
            self._label = "success" in new
        if new & {"close", "open"}:
            one = self._buttons["close"] == self._buttons["open"]
            shut = self._jaw != GripperCommand.CLOSE if one else "close" in new
            self._jaw = GripperCommand.CLOSE if shut else GripperCommand.OPEN
        found = [axes[i] if 0 <= i < len(axes) else 0.0 for i in self._axes]
        self._deflection = [value if self._dead_zone < abs(value) <= 1.5 else 0.0 for value in found]  # NaN is 0
        self._heard = now

    def wants(self, now: float) -> Wants:
        """What the hand wants now; a label only once."""
        label, self._label = self._label, None
        if now - self._heard > SILENCE:
            return Wants(None, True, label)
        if "hold" not in self._pressed:
            return Wants(None, label=label)
        x, y, z, yaw = (scale * value for scale, value in zip(self._scales, self._deflection, strict=True))
        jaw = self._jaw if self._pressed & {"close", "open"} else GripperCommand.KEEP
        return Wants(Action(np.array([x, y, z], np.float32), float(yaw), jaw, "end" in self._pressed), label=label)


_KEYS = {
    "a": (-1, 0, 0, 0),
    "d": (1, 0, 0, 0),
    "w": (0, 1, 0, 0),
    "s": (0, -1, 0, 0),
    "r": (0, 0, 1, 0),
    "f": (0, 0, -1, 0),
    "q": (0, 0, 0, 1),
    "e": (0, 0, 0, -1),
}
_JAW = {"c": GripperCommand.CLOSE, "o": GripperCommand.OPEN}
_LABELS = {"y": True, "n": False}


class Keys:
    """A terminal tells when a key is pressed, and repeats it while it is; not when it is released.

    step, turn: m and rad of one motion.
    """

    def __init__(self, step: float, turn: float) -> None:
        self._scales = (step, step, step, turn)
        self._key, self._at = "", -np.inf
        self._label: bool | None = None

    def pressed(self, key: str, now: float) -> None:
        """A character has come; one without a meaning lets go."""
        if key in _LABELS:
            self._label = _LABELS[key]
        else:
            self._key, self._at = key, now

    def wants(self, now: float) -> Wants:
        """What the hand wants now; a label only once."""
        label, self._label = self._label, None
        known = self._key in _KEYS or self._key in _JAW or self._key in (" ", "x")
        if not known or now - self._at > KEY_HOLDS:
            return Wants(None, label=label)
        moving = now - self._at <= KEY_MOVES
        way = _KEYS.get(self._key, (0, 0, 0, 0)) if moving else (0, 0, 0, 0)
        x, y, z, yaw = (scale * value for scale, value in zip(self._scales, way, strict=True))
        jaw = _JAW.get(self._key, GripperCommand.KEEP) if moving else GripperCommand.KEEP
        return Wants(Action(np.array([x, y, z], np.float32), float(yaw), jaw, moving and self._key == "x"), label=label)
