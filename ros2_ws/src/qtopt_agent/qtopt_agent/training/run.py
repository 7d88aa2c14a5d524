"""A training run: one learner process, and actor processes that bring it episodes."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import Profile
from qtopt_agent.documents import yaml_text
from qtopt_agent.learning.checkpoint import save_weights
from qtopt_agent.learning.feed import Feed
from qtopt_agent.learning.metrics import Metrics, weight_gap
from qtopt_agent.learning.parts import make_augmentation
from qtopt_agent.learning.preset import Preset
from qtopt_agent.processes.device import CPU
from qtopt_agent.processes.interrupts import first_interrupt
from qtopt_agent.replay.room import with_room
from qtopt_agent.replay.spec import HEADER, OFF_POLICY, ON_POLICY, PERSON, RECORDED
from qtopt_agent.replay.store import TransitionStore
from qtopt_agent.training.actors import ActorPool
from qtopt_agent.training.evaluations import VALIDATION, Evaluations, told
from qtopt_agent.training.initial import make_learner, say_precision, store_spec
from qtopt_agent.training.orders import episodes_due, next_order
from qtopt_agent.training.recorded import Folder, learning_episodes, shares_of
from qtopt_agent.training.saved_run import ACTING, REPLAY, SavedRun, begun, check_episodes, fitting
from qtopt_agent.training.worker import Order

SCALARS_EVERY = 100  # steps
WAIT = 0.2  # s


@dataclass(frozen=True)
class Outcome:
    """How a run ended: steps done, whether Ctrl-C ended it, and the last success rates by object split."""

    steps: int
    interrupted: bool
    success: dict[str, float]


class Training:
    """A run in folder `out`: preset.yaml, replay/, checkpoint.pt, evaluations.jsonl, TensorBoard events.

    `episodes` are folders of recorded episodes to learn from, but for the share `hold_back` of them. `collect` says
    whether actors add new ones to the replay; by default a new run collects and a resumed one goes on as it was.
    `init` is a model's folder, with whose weights the run begins. It learns on `device`, and a run may be resumed on
    another; actors decide on the processor. `skipped` is told of episodes that cannot be read; without it the first of
    them is an error.
    """

    def __init__(
        self,
        preset: Preset,
        out: Path,
        seed: int = 0,
        actors: int = 1,
        episodes: Sequence[Folder] = (),
        collect: bool | None = None,
        resume: bool = False,
        hold_back: float = 0.0,
        init: Path | None = None,
        device: torch.device = CPU,
        skipped: Callable[[str], object] | None = None,
        report: Callable[[int, dict[str, float]], None] = lambda step, values: None,
    ) -> None:
        """Raises InvalidInput where `out` holds a run already and `resume` is not set, or the other way round.

        A resumed run goes on with its own seed and episodes; where it cannot go on with `preset`, nothing on the disk
        changes. Raises IncompatibleModel where `init` is damaged, of another profile, or for another cell.
        `report` is told the gradient step and its metrics every 100 steps.
        """
        self.preset, self.out, self.seed, self._actors, self._report = preset, out, seed, actors, report
        self._acting = out / ACTING
        saved = begun(out, preset, resume)
        if saved is not None:
            self.seed = saved["seed"]
        self._collect = collect is not False if saved is None or collect is not None else saved["collect"]
        if self._collect and actors < 1:
            raise InvalidInput(f"actors is {actors}, expected at least 1 to collect episodes")
        profile = preset.acting_profile()
        self.learner, self._init = make_learner(preset, self.seed, None if resume else init, device)
        say_precision(preset, device)
        self._rng = np.random.default_rng([self.seed, 2])
        self._minutes_before = 0.0
        self._shares = shares_of(episodes, preset.replay.simulation_share if self._collect else 0.0)
        self._recorded = 0
        if saved is not None:
            self._restore(saved)
        new = not resume and (bool(episodes) or not (out / REPLAY / HEADER).exists())
        room = preset.replay.capacity, preset.replay.gigabytes, profile.max_steps
        self.store = TransitionStore(out / REPLAY, with_room(out / REPLAY, store_spec(preset, 0), *room, new), new)
        if saved is not None:
            check_episodes(out, saved, self.store.episodes_added)
        if self.store.damage:
            print(self.store.damage, file=sys.stderr)
        self._feed = Feed(self.learner, self.store, self._rng, self._shares, make_augmentation(preset, profile))
        if not resume:
            self._read(episodes, profile, hold_back, skipped)
        if not self._collect and self.store.transitions() == 0:
            where = ", ".join(str(folder.path) for folder in episodes) or out
            raise InvalidInput(f"{where} holds no episodes to learn from")
        (out / "preset.yaml").write_text(yaml_text(preset.to_json()))  # for people; the checkpoint has its own
        self._ordered = self.store.episodes_added
        grasps = preset.housekeeping.evaluate_episodes if actors else 0
        self._evaluations = Evaluations(out, preset.collection.objects, grasps, self.seed)
        self._started = time.monotonic()
        if not resume:
            self.save()  # from here on the run can be resumed

    def run(self, minutes: float = float("inf")) -> Outcome:
        """Learn until the preset's steps are done, `minutes` are over or Ctrl-C; the checkpoint is then up to date."""
        deadline = time.monotonic() + 60 * minutes
        preset, learner, every = self.preset, self.learner, self.preset.housekeeping
        save_weights(self._acting, learner.acting)
        with (
            first_interrupt() as interrupted,
            Metrics(self.out, learner.step_count) as self._metrics,
            ActorPool(preset, self._actors) as pool,
            progress_bar(preset.steps) as bar,
        ):
            task, self._print = bar.task_ids[0], bar.console.print  # where there is no terminal, too
            window, window_step, window_episodes = time.monotonic(), learner.step_count, self.store.episodes_added
            while learner.step_count < preset.steps and not interrupted and time.monotonic() < deadline:
                ready = self._may_step()
                if not ready:
                    bar.update(task, description=f"collecting: {self.store.episodes_added} of {self._due()} episodes")
                self._exchange(pool, 0.0 if ready else WAIT)
                if not ready:
                    continue
                metrics = self._step()
                step = learner.step_count
                if step % SCALARS_EVERY == 0:
                    elapsed = time.monotonic() - window
                    rates = {
                        "speed/steps_per_s": (step - window_step) / elapsed,
                        "speed/episodes_per_s": (self.store.episodes_added - window_episodes) / elapsed,
                    }
                    window, window_step, window_episodes = time.monotonic(), step, self.store.episodes_added
                    self._record(metrics, rates)
                    bar.update(task, completed=step, description=self._describe(rates))
                if step % every.publish_every == 0:
                    save_weights(self._acting, learner.acting)
                if step % every.checkpoint_every == 0:
                    self.save()
                if step % every.evaluate_every == 0 or step == preset.steps:
                    self._evaluations.order(step, partial(save_weights, network=learner.acting), pool)
            self.save()
            while self._evaluations and not interrupted:
                bar.update(task, completed=learner.step_count, description="evaluating")
                self._exchange(pool, WAIT, collect=False)
        self._evaluations.clean_up()
        return Outcome(learner.step_count, bool(interrupted), self._evaluations.success)

    def save(self) -> None:
        """Write the checkpoint; the replay store goes to the disk before it."""
        self.store.flush()
        saved = SavedRun(
            rng=json.dumps(self._rng.bit_generator.state),
            episodes=self.store.episodes_added,
            seed=self.seed,
            collect=self._collect,
            minutes=self._minutes(),
            init=self._init,
            recorded={"episodes": self._recorded, "shares": self._shares},
        )
        saved.write(self.out, self.learner, self.preset)

    def _restore(self, saved: dict[str, Any]) -> None:
        with fitting(self.out):
            self.learner.load_state_dict(saved["learner"])
            self._rng.bit_generator.state = json.loads(saved["rng"])
        self._minutes_before = saved["minutes"]
        self._init = saved.get("init", "")  # older runs have neither
        recorded = saved.get("recorded", {"episodes": 0, "shares": []})
        self._recorded, self._shares = recorded["episodes"], recorded["shares"]

    def _read(
        self,
        folders: Sequence[Folder],
        profile: Profile,
        hold_back: float,
        skipped: Callable[[str], object] | None,
    ) -> None:
        executed, whole = self.preset.replay.recorded_actions == "executed", self.preset.augmentation.random_crop
        for number, folder in enumerate(folders):
            for episode in learning_episodes(folder.path, profile, hold_back, skipped, whole):
                self.store.append(episode, RECORDED + number, executed)
                self._recorded += 1
        if self.store.episodes_held < self.store.episodes_added:
            replay, spec = self.preset.replay, self.store.spec
            raise InvalidInput(
                f"setting replay.capacity is {replay.capacity}, replay.gigabytes {replay.gigabytes}: room for "
                f"{spec.capacity} frames and {spec.frame_bytes / 1e9:.1f} GB of packed ones, expected more than the "
                f"{self._recorded} recorded episodes have"
            )

    def _may_step(self) -> bool:
        return not self._collect or self.store.episodes_added >= self._recorded + self._due()

    def _due(self) -> int:
        """Episodes of its own simulation that must be there before the next gradient step."""
        return episodes_due(self.preset, self.learner.step_count)

    def _minutes(self) -> float:
        """Time spent on this run, the parts before it was resumed included."""
        return self._minutes_before + (time.monotonic() - self._started) / 60

    def _step(self) -> dict[str, torch.Tensor]:
        if self.learner.step_count == 0 and self.preset.loss.auxiliary_weight:
            self.learner.fit_auxiliary(self.store.privileged(self.store.draw(4096, self._rng)))
        return self._feed.step()

    def _exchange(self, pool: ActorPool, timeout: float, collect: bool = True) -> None:
        """Take in what the actors have finished, and give them more to do."""
        for result in pool.poll(timeout):
            if result.order.evaluation is None:
                self.store.append(result.episode, OFF_POLICY if result.order.weights is None else ON_POLICY)
            elif count := self._evaluations.take(result.order.evaluation, result):
                self._tell_success(result.order.evaluation, result.order.objects, count)
        while collect and self._collect and pool.room:
            pool.submit(self._next_order())

    def _next_order(self) -> Order:
        number, self._ordered = self._ordered, self._ordered + 1
        step = self.learner.step_count
        acting = self._acting if step > 0 or self._init else None
        scripted, learned = (self.store.outcomes(source) for source in (OFF_POLICY, ON_POLICY))
        return next_order(self.preset, self.seed, number, step, acting, scripted, learned)

    def _tell_success(self, step: int, objects: str, count: int) -> None:
        record = self._evaluations.record(objects, count, self.store.episodes_added, self._minutes())
        self._metrics.evaluation(step, record)
        self._print(told(step, record), soft_wrap=True)

    def _record(self, metrics: dict[str, torch.Tensor], rates: dict[str, float]) -> None:
        targets = self.learner.targets
        counts = {source: self.store.transitions(source) / self.store.transitions() for source in (ON_POLICY, PERSON)}
        shares = self._feed.shares() or counts
        values: dict[str, float | torch.Tensor] = {f"learner/{name}": value for name, value in metrics.items()}
        values |= rates
        values |= {
            "learner/target_gap": weight_gap(self.learner.network, targets.networks[-1]),
            "learner/learning_rate": self.learner.learning_rate(),
            "data/episodes": self.store.episodes_added,
            "data/on_policy_share": shares[ON_POLICY],
            "data/person_share": shares.get(PERSON, 0.0),
        }
        sources = {"scripted": OFF_POLICY, "online": ON_POLICY}
        sources |= {f"recorded-{number + 1}": RECORDED + number for number in range(len(self._shares))}
        for name, source in sources.items():
            if self.store.outcomes(source):
                values[f"success/{name}"] = self.store.success_rate(source)
        self._metrics.scalars(self.learner.step_count, values)
        self._report(self.learner.step_count, {name: float(value) for name, value in values.items()})

    def _describe(self, rates: dict[str, float]) -> str:
        online = self.store.success_rate(ON_POLICY) if self.store.transitions(ON_POLICY) else float("nan")
        validation = self._evaluations.success.get(VALIDATION[self.preset.collection.objects], float("nan"))
        return (
            f"{rates['speed/steps_per_s']:.0f} steps/s  {self.store.episodes_added} episodes "
            f"({rates['speed/episodes_per_s']:.0f}/s)  success {online:.0%} online, {validation:.0%} validation"
        )


def progress_bar(steps: int) -> Progress:
    """A bar of one task, gradient steps, on a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    bar = Progress(*columns, console=console, disable=not console.is_interactive)  # in a log it is in the way
    bar.add_task("starting", total=steps)
    return bar
