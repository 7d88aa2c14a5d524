"""An arm and its sensors in a few lines, for tests of the driver."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from qtopt_agent.core.action import Action, GripperCommand
from qtopt_agent.safety.arm_driver import ArmDriverCore
from qtopt_agent.safety.commands import CommandReport, DriverState, MotionCommand, Setpoint
from qtopt_agent.safety.driver_settings import DriverSettings, Output
from qtopt_agent.safety.limits import MotionLimits, WorkspaceBox

BOX = WorkspaceBox((-0.2, -0.2, 0.0), (0.2, 0.2, 0.3))
TICK = 0.01  # s
SLACK = 1e-7


@dataclass
class Bench:
    """A driver, an arm that follows it with a lag of 0.05 s, a camera and a gripper that all work until told not to."""

    output: Output = Output.POSE
    now: float = 100.0
    start: tuple[float, float, float] = (0.0, 0.0, 0.15)
    blocked: bool = False
    silent: set[str] = field(default_factory=set)
    frozen: dict[str, float] = field(default_factory=dict)
    clock_offset: float = 0.0
    yaw: float = 0.3
    lean: np.ndarray = field(default_factory=lambda: np.zeros(2))
    heeds: float = 1.0  # share of the velocities that it is told
    shove: np.ndarray = field(default_factory=lambda: np.zeros(3))
    sent: list[Setpoint] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    places: list[np.ndarray] = field(default_factory=list)  # of the hand, when each set point was sent
    sequence: int = 0
    alive: bool = True
    last_command: MotionCommand | None = None

    def __post_init__(self) -> None:
        self.settings = DriverSettings(MotionLimits(BOX, 0.1, 1.0), self.output, gripper_time=0.2)
        self.driver = ArmDriverCore(self.settings)
        self.position = np.array(self.start)

    @property
    def clock(self) -> float:
        return self.now + self.clock_offset

    def stamp(self, source: str) -> float:
        return self.frozen.get(source, self.clock)

    def sense(self) -> None:
        if "camera" not in self.silent:
            self.driver.camera(self.stamp("camera"), self.clock, self.now)
        if "gripper" not in self.silent:
            self.driver.gripper(0.08, self.stamp("gripper"), self.clock, self.now)
        if "pose" not in self.silent:
            self.driver.measured(self.position, self.yaw, self.stamp("pose"), self.clock, self.now, self.lean)

    def step(self, ticks: int = 1, dt: float = TICK) -> Setpoint | None:
        setpoint = None
        for _ in range(ticks):
            self.now += dt
            self.position = self.position + self.shove
            self.sense()
            if self.alive and self.driver.moving and self.last_command is not None:
                self.driver.command(self.last_command, self.clock, self.now)
            setpoint = self.driver.tick(self.now)
            if setpoint is not None and setpoint.streaming:
                self.sent.append(setpoint)
                self.times.append(self.now)
                self.places.append(self.position)
                self._follow(setpoint, dt)
        return setpoint

    def _follow(self, setpoint: Setpoint, dt: float) -> None:
        if self.blocked:
            return
        if self.output == Output.POSE:
            share = 1 - np.exp(-dt / 0.05)
            self.position = self.position + share * (setpoint.pose.position - self.position)
            self.yaw += share * ((setpoint.pose.yaw - self.yaw + np.pi) % (2 * np.pi) - np.pi)
        else:
            self.position = self.position + self.heeds * setpoint.velocity * dt
            self.yaw += setpoint.yaw_rate * dt
            self.lean = self.lean + setpoint.upright_rate * dt

    def wrong_pose(self, position: np.ndarray) -> None:
        """One message that says that the arm is elsewhere."""
        self.now += TICK
        self.driver.measured(position, self.yaw, self.clock, self.clock, self.now)

    def arm(self) -> None:
        self.step(3)
        assert self.driver.arm(self.now) == ()

    def move(
        self,
        x: float = 0.0,
        y: float = 0.0,
        z: float = 0.0,
        yaw: float = 0.0,
        gripper: GripperCommand = GripperCommand.KEEP,
        writer: str = "agent",
        terminate: bool = False,
    ) -> CommandReport:
        self.sequence += 1
        action = Action(np.float32([x, y, z]), yaw, gripper, terminate)
        command = MotionCommand(action, writer, self.sequence, self.clock)
        if writer == "agent":
            self.last_command = command
        return self.driver.command(command, self.clock, self.now)

    def until_still(self, seconds: float = 10.0) -> Setpoint:
        """Run until nothing has moved for 0.1 s; fails after `seconds`."""
        setpoint, still = None, 0
        for _ in range(round(seconds / TICK)):
            setpoint = self.step()
            stopping = self.driver.moving or self.driver.state == DriverState.STOPPING
            still = 0 if stopping or setpoint.velocity.any() else still + 1
            if still == 10:
                return setpoint
        raise AssertionError(f"still moving after {seconds} s: {setpoint}")


def assert_within_limits(bench):
    """Every set point sent is finite, slow enough and, where poses are sent, inside the box and without a jump."""
    rates = bench.settings.rates
    box = bench.settings.step.workspace
    before, before_time = None, None
    for setpoint, time in zip(bench.sent, bench.times, strict=True):
        turning = [*setpoint.upright_rate, setpoint.yaw_rate]
        values = [*setpoint.pose.position, setpoint.pose.yaw, *setpoint.velocity, *turning, setpoint.effort]
        assert np.isfinite(values).all()
        assert np.linalg.norm(setpoint.velocity) <= rates.speed + SLACK
        assert abs(setpoint.yaw_rate) <= rates.yaw_rate + SLACK
        assert np.linalg.norm(setpoint.upright_rate) <= rates.yaw_rate + SLACK
        assert np.abs(setpoint.pose.position - box.clip(setpoint.pose.position)).max() <= SLACK
        if before is not None and time - before_time <= bench.settings.longest_tick:  # else the arm stood still since
            dt = time - before_time
            assert np.linalg.norm(setpoint.velocity - before.velocity) <= rates.acceleration * dt + SLACK
            assert abs(setpoint.yaw_rate - before.yaw_rate) <= rates.yaw_acceleration * dt + SLACK
            righted = np.linalg.norm(setpoint.upright_rate - before.upright_rate)
            assert righted <= rates.yaw_acceleration * dt + SLACK
            if bench.output == Output.POSE:
                moved = setpoint.pose.position - before.pose.position
                np.testing.assert_allclose(moved, setpoint.velocity * min(dt, 0.1), atol=SLACK)
                turned = setpoint.pose.yaw - before.pose.yaw
                assert turned == pytest.approx(setpoint.yaw_rate * min(dt, 0.1), abs=SLACK)
        before, before_time = setpoint, time


def assert_stopped(bench, seconds=0.3):
    """From now on every set point is the same stop."""
    held = bench.step()
    for _ in range(round(seconds / TICK)):
        setpoint = bench.step()
        assert not setpoint.velocity.any() and setpoint.yaw_rate == 0 and not setpoint.upright_rate.any()
        if bench.output == Output.POSE:
            np.testing.assert_array_equal(setpoint.pose.position, held.pose.position)


@pytest.fixture(params=list(Output))
def bench(request) -> Bench:
    return Bench(request.param)


@pytest.fixture
def make_bench() -> type[Bench]:
    """Makes one with an output of the test's choice."""
    return Bench
