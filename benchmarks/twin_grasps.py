"""Cubes grasped on a twin by a script that is told where they are, through the guarded driver: how many are lifted?

    python benchmarks/twin_grasps.py ur5e --grasps 20

Driver and twin take turns in one process and in simulated time, so that other work on the machine changes nothing: all
but the topics between them is what a graph has. Needs robosuite's models.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.action import Action, GripperCommand
from qtopt_agent.core.rotations import quaternion_of
from qtopt_agent.graph.description import PROFILES, arm_file, twin_cell
from qtopt_agent.safety.arm_driver import ArmDriverCore
from qtopt_agent.safety.arm_profile import ArmProfile, arm_profile, read_parameters
from qtopt_agent.safety.commands import DriverState, MotionCommand, Setpoint
from qtopt_agent.safety.driver_settings import Output
from qtopt_agent.safety.tool_pose import yaw_and_lean
from qtopt_agent.twin.world import TwinWorld

Array = NDArray[np.float64]

CUBE = 0.04  # m
LONGEST = 0.1  # m of one command
MOST = 8  # commands on the way to one place
STEP_TIME = 10.0  # s in which a motion ends
_UPRIGHT = np.array([0.0, 0.0, 0.0, 1.0])


def write_cube(folder: Path) -> Path:
    """`folder`, with the mesh of a cube in it."""
    corners = [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]
    faces = "1 2 4 3", "5 7 8 6", "1 5 6 2", "3 4 8 7", "1 3 7 5", "2 6 8 4"
    lines = [f"v {' '.join(str(CUBE * value) for value in corner)}" for corner in corners]
    (folder / "cube.obj").write_text("\n".join([*lines, *(f"f {face}" for face in faces)]) + "\n")
    return folder


class Stopped(Exception):
    """The driver has stopped the arm; the text says why."""


class GuardedTwin:
    """A twin behind the driver of its profile, which is armed. errors: m from each motion's goal to where it ended."""

    def __init__(self, name: str, objects: str, seed: int = 0, clutter: tuple[int, int] = (1, 1)) -> None:
        parameters = read_parameters(arm_file(PROFILES[name])) | {"cell": str(twin_cell(name))}
        self.profile: ArmProfile = arm_profile(parameters)
        assert self.profile.cell is not None
        self.world = TwinWorld(name, self.profile.cell, objects, clutter, seed)
        self.world.take_twists()
        self.driver = ArmDriverCore(self.profile.driver)
        self.errors: list[float] = []
        self._jaw, self._sequence = GripperCommand.KEEP, 0
        for _ in range(50):
            self.tick()
        if refused := self.driver.arm(self.world.time):
            raise RuntimeError(f"the driver does not arm: {refused}")

    def tip(self) -> Array:
        """Where the finger tips are, m."""
        return self.world.tip()[0]

    def command(self, motion: Array, gripper: GripperCommand = GripperCommand.KEEP) -> None:
        """One motion [3], m, along the base frame's axes, to its end."""
        goal = self.tip() + motion
        self.act(Action(motion.astype(np.float32), 0.0, gripper))
        self.errors.append(float(np.linalg.norm(goal - self.tip())))

    def act(self, action: Action) -> Action:
        """Carry `action` out, in the hand's frame, to its end. Returns what the driver allowed of it.

        Raises Stopped where the driver stops the arm, or its motion does not end.
        """
        self._sequence += 1
        now = self.world.time
        command = MotionCommand(action, "script", self._sequence, now)
        report = self.driver.command(command, now, now)
        while self.driver.moving:
            self.tick()
            self.driver.command(command, self.world.time, self.world.time)  # as a sign of life
            if self.world.time - now > STEP_TIME:
                raise Stopped("the motion did not end")
        if self.driver.state != DriverState.ARMED:
            raise Stopped(f"the driver is {self.driver.state.name}: {', '.join(self.driver.faults)}")
        return report.allowed

    def go(self, goal: Array) -> None:
        """Go to goal [3], m, or as near as the workspace lets the driver, in straight lines."""
        goal = self.profile.driver.step.workspace.clip(goal)
        for _ in range(MOST):  # something may be in the way
            distance = float(np.linalg.norm(ahead := goal - self.tip()))
            if distance <= self.profile.driver.arrival:
                return
            self.command(ahead * min(1.0, LONGEST / distance))

    def tick(self) -> None:
        """A period of the driver: it hears of the twin what it would by its topics, and the twin hears it."""
        world, profile = self.world, self.profile
        world.advance(profile.driver.period)
        position, turn = world.tip()
        yaw, lean = yaw_and_lean(quaternion_of(turn), _UPRIGHT)
        now = world.time
        self.driver.camera(now, now, now)
        self.driver.gripper(profile.gripper.aperture(world.jaw()[0]), now, now, now)
        self.driver.measured(position, yaw, now, now, now, lean)
        setpoint = self.driver.tick(now)
        if setpoint is not None and setpoint.streaming:
            self._follow(setpoint)

    def _follow(self, setpoint: Setpoint) -> None:
        if self.profile.driver.output == Output.TWIST:
            self.world.set_twist(setpoint.velocity, np.array([*setpoint.upright_rate, setpoint.yaw_rate]))
        else:
            c, s = np.cos(setpoint.pose.yaw), np.sin(setpoint.pose.yaw)
            self.world.set_pose(setpoint.pose.position, np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]))
        if setpoint.gripper not in (GripperCommand.KEEP, self._jaw):
            self._jaw, gripper = setpoint.gripper, self.profile.gripper
            shut = setpoint.gripper == GripperCommand.CLOSE
            self.world.set_jaw(gripper.closed_position if shut else gripper.open_position, setpoint.effort)


def grasp(twin: GuardedTwin, rng: np.random.Generator) -> bool:
    """Fetch the cube, say whether it was held high up, and drop it at a drawn place."""
    x, y, floor = twin.world.cell.bin.position
    stay = np.zeros(3)
    place = twin.world.objects()[0][0] + twin.world.cell.bin.position
    twin.command(stay, GripperCommand.OPEN)
    for height in (0.12, CUBE / 2 - 0.005):
        twin.go(np.array([*place[:2], floor + height]))
    twin.command(stay, GripperCommand.CLOSE)
    twin.go(np.array([*twin.tip()[:2], floor + 0.2]))
    lifted = twin.world.objects()[0][1] > twin.world.cell.attempt.lift_height
    twin.go(np.array([*np.add((x, y), rng.uniform(-0.06, 0.06, 2)), floor + 0.1]))
    twin.command(stay, GripperCommand.OPEN)
    return lifted


def main() -> None:
    """Try and count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("twin", choices=[name for name in PROFILES if name != "none"])
    parser.add_argument("--grasps", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        twin, rng = GuardedTwin(asked.twin, str(write_cube(Path(folder)))), np.random.default_rng(0)
        lifted = sum(grasp(twin, rng) for _ in range(asked.grasps))
    errors = 1000 * np.array(twin.errors)
    print(f"{asked.twin}: {lifted} of {asked.grasps} cubes lifted, in {twin.world.time:.0f} simulated seconds")
    print(f"{len(errors)} motions ended {errors.mean():.1f} mm from their goals, the worst {errors.max():.1f} mm")


if __name__ == "__main__":
    main()
