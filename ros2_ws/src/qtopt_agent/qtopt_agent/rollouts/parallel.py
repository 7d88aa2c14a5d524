"""Many episodes at once, in worker processes; the outcome depends on the seed, not on the number of workers."""

import multiprocessing
import os
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.cell import Cell
from qtopt_agent.core.errors import InvalidInput, QtoptError
from qtopt_agent.core.looks import PLAIN, Looks
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.policy import SCRIPTS, Decision, Policy
from qtopt_agent.core.profile import Profile
from qtopt_agent.core.seeds import derived_seed
from qtopt_agent.processes.interrupts import ctrl_c_held, first_interrupt

NO_MODEL = ("scripted", "random", *SCRIPTS)


class WorkerDied(QtoptError):
    """A worker process ended before its episode did."""


@dataclass(frozen=True)
class RolloutPlan:
    """What every episode has in common.

    policy: one of NO_MODEL, or a model's folder. clutter: fewest and most objects. max_meshes: how many of a
    folder of meshes. episodes: where to record them. picture: (height, width), px, of pictures for people. policy_pt:
    run the code in the model's policy.pt instead of what its weights make. looks: what varies from one episode to the
    next. cell: the simulator's, where it is not the profile's, which the policy knows. device: where a model decides,
    as `find_device` takes it. whole_frames: record all that the camera sees; the policy sees its cell's crop. Raises
    InvalidInput on unknown objects, or on whole frames of a profile without a camera or a cell with a lens.
    """

    policy: str
    profile: Profile
    objects: str = "train"
    clutter: tuple[int, int] = (1, 1)
    seed: int = 0
    max_meshes: int | None = None
    episodes: Path | None = None
    picture: tuple[int, int] | None = None
    policy_pt: bool = False
    looks: Looks = PLAIN
    cell: Cell | None = None
    device: str = "cpu"
    whole_frames: bool = False

    def __post_init__(self) -> None:
        from qtopt_agent.simulation import check_objects

        check_objects(self.objects)
        if not self.whole_frames:
            return
        if not self.profile.has_camera:
            raise InvalidInput(f"profile {self.profile.name} has no camera: no whole frames to record")
        if any(lens := self.simulated.cell.camera.distortion):
            raise InvalidInput(
                f"the cell's camera.distortion is {lens}: whole frames are simulated without a lens only"
            )

    @property
    def simulated(self) -> Profile:
        """The profile in the simulator's cell."""
        return self.profile if self.cell is None else replace(self.profile, cell=self.cell)

    @property
    def recorded(self) -> Profile:
        """The same with the pictures that episodes have."""
        return self.simulated.whole_frames() if self.whole_frames else self.simulated


@dataclass(frozen=True)
class Rollout:
    """One episode's outcome. `pictures` are uint8 [steps, H, W, 3], one after every step, if they were asked for."""

    index: int
    success: bool
    decisions: int
    decide_s: float
    objects: tuple[str, ...]
    folder: Path | None = None
    pictures: NDArray[np.uint8] | None = None


def run_rollouts(
    plan: RolloutPlan,
    count: int,
    workers: int,
    on_done: Callable[[Rollout], None] | None = None,
    on_mesh: Callable[[int, int], None] | None = None,
) -> list[Rollout]:
    """Run episodes 0 .. count - 1 of `plan`; `on_done` is called with each as it ends, in no particular order.

    A folder of meshes is worked out first, with `on_mesh(ready, total)` after each. Episode i is the same for any
    number of workers. Ctrl-C lets the episodes that have begun come to their end and raises KeyboardInterrupt, so this
    runs in the main thread only. Raises what an episode raises, WorkerDied if a worker is killed, InvalidInput on a
    count below 1.
    """
    if count < 1 or workers < 1:
        raise InvalidInput(f"{count} episodes on {workers} workers: expected at least 1 of each")
    from qtopt_agent.simulation import prepare_objects

    prepare_objects(plan.objects, plan.max_meshes, on_mesh)
    pool = ProcessPoolExecutor(min(workers, count), multiprocessing.get_context("spawn"), _follow_parent)
    indices, pending = iter(range(count)), set[Future[Rollout]]()
    rollouts = []
    try:
        with first_interrupt() as interrupted:
            while True:
                with ctrl_c_held():  # the pool starts processes when there is work for them
                    waiting = 0 if interrupted else 2 * workers - len(pending)
                    pending |= {pool.submit(_run, plan, index) for index in islice(indices, max(0, waiting))}
                if not pending:
                    break
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    rollouts.append(future.result())
                    if on_done is not None:
                        on_done(rollouts[-1])
        if interrupted:
            raise KeyboardInterrupt
    except BrokenProcessPool as error:
        raise WorkerDied("a worker process died: out of memory, or killed") from error
    finally:
        pool.shutdown(cancel_futures=True)
    return sorted(rollouts, key=lambda rollout: rollout.index)


class _Worker:
    """Robot, policy and writer of one process."""

    def __init__(self, plan: RolloutPlan) -> None:
        from qtopt_agent.episodes.writer import EpisodeWriter
        from qtopt_agent.rollouts.episode_runner import EpisodeRunner
        from qtopt_agent.rollouts.whole_frames import CroppingPolicy
        from qtopt_agent.simulation import make_robot

        self._plan = plan
        warnings.filterwarnings("ignore", ".* meshes left out")  # the parent process has said so
        self._robot = make_robot(
            plan.recorded, plan.objects, plan.clutter, max_meshes=plan.max_meshes, looks=plan.looks
        )
        self._runner = EpisodeRunner(self._robot, plan.recorded, self._robot.succeeded)
        policy = _make_policy(plan)
        self._policy = _Timed(CroppingPolicy(policy, plan.simulated) if plan.whole_frames else policy)
        self._writer = EpisodeWriter(plan.episodes) if plan.episodes else None

    def run(self, index: int) -> Rollout:
        from qtopt_agent.episodes.writer import new_episode_id

        plan, pictures = self._plan, []
        seed = derived_seed(plan.seed, index)
        self._policy.seconds = 0.0

        def picture(_: object) -> None:
            if plan.picture is not None:
                pictures.append(self._robot.scene_image(*plan.picture))

        version = "" if plan.policy in NO_MODEL else self._policy.name
        episode = self._runner.run(
            self._policy, np.random.default_rng([plan.seed, index, 1]), seed, new_episode_id(), version, picture
        )
        return Rollout(
            index,
            episode.success,
            len(episode.steps),
            self._policy.seconds,
            episode.objects,
            self._writer.write(episode) if self._writer else None,
            np.stack(pictures) if pictures else None,
        )


class _Timed:
    """Measures how long a policy thinks."""

    def __init__(self, policy: Policy) -> None:
        self.name = policy.name
        self.seconds = 0.0
        self._policy = policy

    def decide(self, observation: Observation, rng: np.random.Generator) -> Decision:
        start = time.perf_counter()
        decision = self._policy.decide(observation, rng)
        self.seconds += time.perf_counter() - start
        return decision


class RandomPolicy:
    """Uniform valid actions."""

    name = "random"

    def __init__(self, profile: Profile) -> None:
        self._space = profile.action_space

    def decide(self, observation: Observation, rng: np.random.Generator) -> Decision:
        """A uniform action, whatever is seen."""
        return Decision(self._space.sample(rng))


def _make_policy(plan: RolloutPlan) -> Policy:
    name, profile = plan.policy, plan.profile
    if name == "random":
        return RandomPolicy(profile)
    if name == "scripted":
        from qtopt_agent.simulation.scripted import ScriptedPolicy

        return ScriptedPolicy(profile, objects=plan.objects)
    if name in SCRIPTS:
        from qtopt_agent.policies.scripts import make_script

        return make_script(name, profile)
    import torch

    from qtopt_agent.models.folder import load, load_policy_pt
    from qtopt_agent.processes.device import find_device

    torch.set_num_threads(1)
    device = find_device(plan.device)
    return (load_policy_pt if plan.policy_pt else load)(Path(name), profile, device=device)


@lru_cache(maxsize=1)
def _worker(plan: RolloutPlan) -> _Worker:
    return _Worker(plan)


def _run(plan: RolloutPlan, index: int) -> Rollout:
    return _worker(plan).run(index)


def _follow_parent() -> None:
    """Let this process not outlive the one that started it."""
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
