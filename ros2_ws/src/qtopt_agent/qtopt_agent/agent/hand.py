"""Moves an arm through the guarded driver, one motion after another, in the name of one writer."""

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.agent.cycle_values import CycleOutput, CycleSettings
from qtopt_agent.agent.places import Place
from qtopt_agent.agent.values import DriverStatus
from qtopt_agent.core.action import Action, GripperCommand
from qtopt_agent.core.errors import QtoptError
from qtopt_agent.core.rotations import wrapped
from qtopt_agent.safety.commands import NOTHING, STOP, MotionCommand
from qtopt_agent.safety.driver_settings import DriverSettings

Doing = Generator[CycleOutput, None, None]
"""Goes on a little at each `next` and yields what there is to publish; it never waits."""

HEADWAY = 0.002  # m: a motion that brings the hand less far has met something
NEAR = 0.003  # m (and 10 times that in rad): where pictures are taken from is come to as exactly as that,
CORRECTIONS = 4  # if so many motions do it
STILL = 0.0005  # m that a jaw still moves within STILL_TIME, s, and STILL_STATES, when it has come to rest
STILL_TIME, STILL_STATES = 0.2, 3


class Stuck(QtoptError):
    """The arm does not do what it is told; the text says what."""


class Hand:
    """Hears of `status`, `pose` and `gripper`; its generators move it. steady, clock: as AgentCore's."""

    def __init__(
        self,
        writer: str,
        limits: DriverSettings,
        settings: CycleSettings,
        clock: Callable[[], float],
        steady: Callable[[], float],
    ) -> None:
        self.driver: DriverStatus | None = None
        self.aperture, self.closed = np.nan, False
        self.closed_at = np.nan
        """Lowest height of the tips in the base frame, m, since the jaw was last told to close."""
        self.owned = False
        """Whether the last command to the arm may have been ours."""
        self._writer, self._limits, self._settings = writer, limits, settings
        self._clock, self._steady = clock, steady
        self._sequence = 0
        self._driver_heard = self._driver_changed = -np.inf
        self._position: NDArray[np.float64] | None = None
        self._yaw = 0.0  # unwound: it goes on beyond pi as the hand does
        self._pose_heard, self._jaw_states = -np.inf, 0

    def status(self, status: DriverStatus) -> None:
        """The arm driver has spoken."""
        now, before = self._steady(), self.driver
        if before is None or status.moving or (before.writer, before.sequence) != (status.writer, status.sequence):
            self._driver_changed = now
        self.driver, self._driver_heard = status, now

    def pose(self, position: NDArray[np.floating[Any]], yaw: float) -> None:
        """The finger tips have been measured at `position` [3], m, and `yaw`, rad, in the base frame."""
        if np.isfinite([*position, yaw]).all():  # the driver stops the arm for what is not
            self._yaw += wrapped(yaw - self._yaw)
            self._position, self._pose_heard = np.asarray(position, dtype=np.float64), self._steady()

    def gripper(self, aperture: float, closed: bool) -> None:
        """The jaw is `aperture` m open, and its last command was to close or not."""
        if closed and self._position is not None:
            height = float(self._position[2])
            self.closed_at = min(self.closed_at, height) if self.closed else height
        self.aperture, self.closed, self._jaw_states = aperture, closed, self._jaw_states + 1

    def silent(self) -> float:
        """For how long the arm driver has said nothing, s."""
        return self._steady() - self._driver_heard

    @property
    def yaw(self) -> float:
        """rad, beyond pi where the hand was turned so far."""
        return self._yaw

    def stop_now(self) -> MotionCommand:
        """The command to stop, for when nobody waits for its end."""
        self._sequence += 1
        return MotionCommand(STOP, self._writer, self._sequence, self._clock())

    def take_over(self) -> Doing:
        """Wait until whoever moved the arm last has given it up, or has been silent for so long that it counts so."""
        while True:
            driver = self.driver
            quiet = self._steady() - self._driver_changed > self._limits.writer_timeout + self._settings.status_time
            if driver and (driver.writer in ("", self._writer) or driver.allowed.terminate or quiet):
                self.owned = True
                return
            yield CycleOutput()

    def motion(self, action: Action) -> Generator[CycleOutput, None, Action]:
        """One motion in the gripper frame; returns what the driver made of it. Raises Stuck where it does not end."""
        self._sequence += 1
        command = MotionCommand(action, self._writer, self._sequence, self._clock())
        began = sent = self._steady()
        yield CycleOutput(command)
        while True:
            now, driver = self._steady(), self.driver
            about = (driver.writer, driver.sequence) if driver else ("", 0)
            if driver and about == (self._writer, self._sequence) and not driver.moving:
                return driver.allowed
            if now - began > self._settings.motion_time:
                raise Stuck(f"a motion has not ended within {self._settings.motion_time:.0f} s")
            if now - sent >= self._settings.repeat:
                sent = now
                yield CycleOutput(command)
            else:
                yield CycleOutput()

    def stop(self) -> Doing:
        """Stop, and let others move the arm."""
        yield from self.motion(STOP)
        self.owned = False

    def go(self, place: Place, exactly: bool = False, touching: bool = False) -> Doing:
        """Straight to `place`, turning back the way it was turned: a wrist has its limits.

        exactly: as near as pictures need. touching: an obstacle ends the way, too. Raises Stuck where it does not come
        there.
        """
        settings, step = self._settings, self._limits.step
        near, end, corrections = self._limits.arrival + 0.002, self._steady() + settings.move_time, 0
        while True:
            yield from self._measured()
            ahead, turn = self._to(place)
            distance = float(np.linalg.norm(ahead))
            if distance <= NEAR and abs(turn) <= 10 * NEAR:
                return
            if distance <= near and abs(turn) <= 10 * near:
                corrections += 1
                if not exactly or corrections > CORRECTIONS:
                    return
            if self._steady() > end:
                raise Stuck(
                    f"the hand has not come to {place.position.round(3).tolist()} within {settings.move_time:.0f} s: "
                    f"{distance:.3f} m and {abs(turn):.2f} rad are left"
                )
            share = 1 / max(1.0, distance / (0.99 * step.max_translation), abs(turn) / (0.99 * step.max_yaw))
            c, s = np.cos(self._yaw), np.sin(self._yaw)
            x, y, z = share * ahead
            yield from self.motion(Action(np.array([c * x + s * y, c * y - s * x, z], np.float32), share * turn))
            yield from self._measured()
            if touching and distance - np.linalg.norm(self._to(place)[0]) < HEADWAY:
                return

    def jaw(self, command: GripperCommand) -> Doing:
        """Open or close; over when the jaw has come to rest, wherever. Raises Stuck where the driver refuses."""
        end = self._steady() + self._settings.motion_time
        while (yield from self.motion(Action(NOTHING.translation, 0.0, command))).gripper != command:
            if self._steady() > end:
                raise Stuck(f"the arm driver does not {command.name.lower()} the jaw")
        end = self._steady() + self._settings.motion_time
        while self._steady() < end:
            before, heard = self.aperture, self._jaw_states
            yield from self.wait(STILL_TIME)
            while self._jaw_states - heard < STILL_STATES and self._steady() < end:  # they may come late
                yield CycleOutput()
            if self.closed == (command == GripperCommand.CLOSE) and abs(self.aperture - before) <= STILL:
                return

    def wait(self, seconds: float) -> Doing:
        """Let time pass."""
        end = self._steady() + seconds
        while self._steady() < end:
            yield CycleOutput()

    def _measured(self) -> Doing:
        """Wait for a pose of now. Raises Stuck where none comes."""
        asked = self._steady()
        while self._pose_heard <= asked or self._position is None:
            if self._steady() - asked > self._settings.motion_time:
                raise Stuck("no pose comes")
            yield CycleOutput()

    def _to(self, place: Place) -> tuple[NDArray[np.float64], float]:
        assert self._position is not None
        return place.position - self._position, place.yaw - self._yaw

    @property
    def position(self) -> NDArray[np.float64] | None:
        """Of the finger tips in the base frame [3], m; None before they were measured."""
        return self._position
