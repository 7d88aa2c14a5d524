"""How well a policy grasps on a twin, without having seen it, and whether it learns there.

    python -m benchmarks.twin_learning ur5e --policy random-script --grasps 200 --out runs/twin
    python -m benchmarks.twin_learning ur5e --policy models/d435-1 --grasps 100 --learn 300 --out runs/twin

The second makes 100 attempts with the model as it is, records 300 more, learns from them (`qtopt train`, preset
finetune), promotes the candidate if it beats the model on the episodes held back (`qtopt models promote`), and then
makes 100 attempts with it. Begun again, it goes on where it was: attempts that are there are not made twice.

Nobody tells the policy more than an arm does, and all motion goes through the guarded driver; the episode's outcome is
what the jaw says above the bin. Driver and twin take turns in simulated time, as in twin_grasps.py. Needs robosuite's
models and OpenGL (docs/how-to/twin.md).
"""

import argparse
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.finetune import learned
from benchmarks.twin_grasps import GuardedTwin, Stopped
from qtopt_agent.agent.places import Place, Places
from qtopt_agent.cells.cell_file import load_cell
from qtopt_agent.core.action import Action, GripperCommand
from qtopt_agent.core.observation import MOVED, Observation, motion_between
from qtopt_agent.core.policy import SCRIPTS, Policy
from qtopt_agent.core.profile import DETAILED, Profile
from qtopt_agent.core.rotations import wrapped
from qtopt_agent.documents import read_json
from qtopt_agent.episodes.writer import EpisodeWriter
from qtopt_agent.graph.description import PROFILES, twin_cell
from qtopt_agent.models.folder import load, profile_of
from qtopt_agent.models.store import latest
from qtopt_agent.perception.ingest import fit, ingest_spec
from qtopt_agent.perception.success import SuccessDetector, SuccessSettings
from qtopt_agent.policies.scripts import make_script
from qtopt_agent.rollouts.episode_runner import EpisodeRunner
from qtopt_agent.rollouts.intervals import wilson
from qtopt_agent.twin.pictures import TwinCamera

FILLED = 25  # attempts, after which somebody puts other objects into the bin
NEAR, ASKEW = 0.006, 0.06  # m and rad from where a hand was told to go
MOVES = 20  # commands on the way to one place


class TwinRobot:
    """A twin as an arm is: it can be looked at and moved. lifted: whether its world saw the last grasp held high up."""

    def __init__(self, name: str, profile: Profile, objects: str, clutter: tuple[int, int], seed: int) -> None:
        self.twin = GuardedTwin(name, objects, seed, clutter)
        world = self.twin.world
        self._camera = TwinCamera(world.model, world.cell.camera, seed)
        self._places = Places(world.cell, self.twin.profile.driver.step.workspace)
        self._profile, self._spec = profile, ingest_spec(profile)
        self._detector = SuccessDetector(SuccessSettings(open_aperture=0.95 * world.cell.jaw.aperture))
        self._rng = np.random.default_rng(seed)
        self._motions, self._before = 0, world.pose()
        self.lifted = False

    def close(self) -> None:
        """Give OpenGL back."""
        self._camera.close()

    def reset(self, seed: int) -> Observation:
        """Put down what is held, and begin at a start pose with an open jaw, both drawn with `seed`."""
        rng, world = np.random.default_rng(seed), self.twin.world
        self._up()
        if world.closed:
            self._go(self._places.drop(rng, self._yaw()))
            self.twin.act(Action(np.zeros(3, np.float32), 0.0, GripperCommand.OPEN))
            self._up()
        world.refill()
        self._go(self._places.start(rng))
        self._motions, self._before = 0, world.pose()
        return self.observe()

    def observe(self) -> Observation:
        """A picture as old as the camera's are when they are decided by, and the state of the moment it shows."""
        world = self.twin.world
        names, here, before = self._profile.observation.state_names, world.pose(), self._before
        self._before = here
        known = {
            "aperture_m": self.twin.profile.gripper.aperture(world.jaw()[0]),
            "height_m": here[2],
            "closed": float(world.closed),
            "steps_done": self._motions / self._profile.max_steps,
            **dict(zip(MOVED, motion_between(before, here), strict=True)),
        }
        state, stamp = np.array([known[name] for name in names], np.float32), world.time
        picture = fit(self._camera.take(world.data.qpos), self._spec)
        late = self._rng.uniform(*world.cell.camera.age)
        for _ in range(round(late / self.twin.profile.driver.period)):
            self.twin.tick()
        return Observation(picture, state, stamp)

    def execute(self, action: Action) -> Action:
        """By the guarded driver. Raises Stopped where that stops the arm."""
        allowed = self.twin.act(action)
        self._motions += 1
        return allowed

    def judge(self) -> bool:
        """Away with the jaw as it is; there, what the jaw says."""
        self._up()
        world = self.twin.world
        high = max(bottom for _, bottom in world.objects()) > world.cell.attempt.lift_height
        self.lifted = high and world.closed
        aperture = self.twin.profile.gripper.aperture(world.jaw()[0])
        return self._detector.judge(aperture, closed=world.closed).success

    def _yaw(self) -> float:
        return float(self.twin.world.pose()[3])

    def _up(self) -> None:
        x, y, z = self.twin.tip()
        self._go(Place(np.array([x, y, max(z, self._places.away.position[2])]), self._yaw()))

    def _go(self, place: Place) -> None:
        """In steps that a driver takes, and no further than something in the way lets it."""
        step = self.twin.profile.driver.step
        goal = step.workspace.clip(place.position)
        for _ in range(MOVES):
            ahead, turn, yaw = goal - self.twin.tip(), wrapped(place.yaw - self._yaw()), self._yaw()
            distance = float(np.linalg.norm(ahead))
            if distance <= NEAR and abs(turn) <= ASKEW:
                return
            share = min(
                1.0, 0.9 * step.max_translation / max(distance, 1e-9), 0.9 * step.max_yaw / max(abs(turn), 1e-9)
            )
            c, s = np.cos(yaw), np.sin(yaw)
            x, y, z = share * ahead
            motion = np.array([c * x + s * y, c * y - s * x, z], np.float32)
            self.twin.act(Action(motion, share * turn))


def attempts(
    name: str,
    profile: Profile,
    policy: Policy,
    count: int,
    seed: int,
    folder: Path,
    objects: str,
    clutter: tuple[int, int],
) -> dict[str, int]:
    """So many attempts, those of them recorded in `folder` that are there already."""
    result = folder / "result.json"
    counts = dict.fromkeys(("attempts", "lifted", "by the jaw", "agree", "stopped"), 0)
    if result.is_file():
        counts = dict(read_json(result))
    writer = EpisodeWriter(folder / "episodes")
    robot: TwinRobot | None = None
    for k in range(counts["attempts"], count):
        if robot is None or k % FILLED == 0:
            if robot is not None:
                robot.close()
            robot = TwinRobot(name, profile, objects, clutter, seed + k)
        counts["attempts"] += 1
        try:
            rng = np.random.default_rng([seed, k])
            runner = EpisodeRunner(robot, profile, robot.judge)
            episode = runner.run(policy, rng, seed + k, f"{name}-{seed + k:06d}", getattr(policy, "version", ""))
        except Stopped as stop:
            counts["stopped"] += 1
            print(f"{k}: {stop}", flush=True)
            robot.close()  # somebody brings the arm back
            robot = None
        else:
            writer.write(episode)
            counts["lifted"] += robot.lifted
            counts["by the jaw"] += episode.success
            counts["agree"] += episode.success == robot.lifted
            print(f"{k}: {len(episode.steps)} steps, {'lifted' if robot.lifted else 'nothing'}", flush=True)
        result.write_text(json.dumps(counts))
    if robot is not None:
        robot.close()
    return counts


def told(what: str, counts: dict[str, int]) -> str:
    """A line for people."""
    tried, lifted = counts["attempts"], counts["lifted"]
    low, high = wilson(lifted, tried)
    others = f"the jaw agrees in {counts['agree']}, {counts['stopped']} stopped by the driver"
    return f"{what}: {lifted} of {tried} lifted, {lifted / tried:.1%} ({low:.1%} to {high:.1%}); {others}"


def main() -> None:
    """Try, and learn where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("twin", choices=[name for name in PROFILES if name != "none"])
    parser.add_argument("--policy", required=True, help=f"a model's folder, or one of {', '.join(SCRIPTS)}")
    parser.add_argument("--grasps", type=int, default=100)
    parser.add_argument("--learn", type=int, default=0, help="attempts to record and to learn from; 0: none")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--objects", default="test")
    parser.add_argument("--clutter", type=int, default=5)
    parser.add_argument("--train", default="--online", help="options of qtopt train, in one word or quoted")
    parser.add_argument("--simulate", type=int, default=100, help="attempts of either in simulation, for promotion")
    a = parser.parse_args()
    torch.set_num_threads(1)
    scripted = a.policy in SCRIPTS
    if scripted and a.learn:
        parser.error("--learn needs a model to begin with")
    cell = load_cell(str(twin_cell(a.twin)))
    profile = replace(DETAILED, cell=cell) if scripted else profile_of(Path(a.policy))

    def tried(policy: Policy, count: int, seed: int, folder: str) -> dict[str, int]:
        return attempts(a.twin, profile, policy, count, seed, a.out / folder, a.objects, (a.clutter, a.clutter))

    policy = make_script(a.policy, profile) if scripted else load(Path(a.policy))
    print(told(f"{a.twin}, {Path(a.policy).name}", tried(policy, a.grasps, 0, "before")), flush=True)
    if not a.learn:
        return
    print(told("recorded", tried(policy, a.learn, 100_000, "recorded")), flush=True)
    store, episodes = a.out / "store", a.out / "recorded/episodes"
    if not store.is_dir():
        shutil.copytree(a.policy, store / Path(a.policy).name)
    candidate = a.out / "candidates/learned"
    if not candidate.is_dir():
        learned("learned", Path(a.policy), episodes, a.out, a.train.split())
    if latest(store).name != candidate.name:
        promote = ["models", "promote", str(candidate), "--store", str(store), "--episodes", str(episodes)]
        done = subprocess.run(
            [sys.executable, "-m", "qtopt_agent.cli.main", *promote, "--simulate", str(a.simulate), "--seed", "1"]
        )
        if done.returncode not in (0, 1):  # 1: it did not win
            sys.exit(done.returncode)
    now = latest(store)
    print(f"in force is {now.name}", flush=True)
    if now.name == candidate.name:
        print(told(now.name, tried(load(now), a.grasps, 0, "after")))


if __name__ == "__main__":
    main()
