"""A training run on Ray: one process that gives the actors their work, and keeps the run's folder."""

import json
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.documents import yaml_text
from qtopt_agent.learning.feed import batch_shares
from qtopt_agent.learning.metrics import Metrics
from qtopt_agent.learning.preset import Preset
from qtopt_agent.processes.device import CPU
from qtopt_agent.processes.interrupts import first_interrupt
from qtopt_agent.replay.spec import OFF_POLICY, ON_POLICY, PERSON
from qtopt_agent.training.actors import Result
from qtopt_agent.training.distributed.calls import Calls, Ref, answer
from qtopt_agent.training.distributed.cells import Cells
from qtopt_agent.training.distributed.deaths import Deaths
from qtopt_agent.training.distributed.folders import Folders
from qtopt_agent.training.distributed.labelling import Labelling
from qtopt_agent.training.distributed.placement import start
from qtopt_agent.training.distributed.replay import Replay, shard_folders, shard_specs
from qtopt_agent.training.distributed.scale import Scale
from qtopt_agent.training.distributed.trainer import Learned, Trainer
from qtopt_agent.training.evaluations import VALIDATION, Evaluations, told
from qtopt_agent.training.initial import say_precision
from qtopt_agent.training.orders import episodes_due, next_order
from qtopt_agent.training.recorded import Folder, shares_of
from qtopt_agent.training.run import SCALARS_EVERY, WAIT, Outcome, progress_bar
from qtopt_agent.training.saved_run import ACTING, SavedRun, begun, check_episodes, fitting
from qtopt_agent.training.worker import Order


class RayTraining:
    """A run in folder `out`, with the files of one without Ray; Ray is there already.

    `actors` of them collect in simulation. `episodes` are folders that are read to their end before the first step, and
    go on being read for what is new. All else is as in `Training`. `deaths` knows the actors' processes.
    """

    def __init__(
        self,
        preset: Preset,
        out: Path,
        scale: Scale,
        seed: int = 0,
        actors: int = 1,
        episodes: Sequence[Folder] = (),
        collect: bool | None = None,
        resume: bool = False,
        hold_back: float = 0.0,
        init: Path | None = None,
        device: torch.device = CPU,
    ) -> None:
        """Raises InvalidInput where the preset's replay is prioritised, or the shards are not those of the run.

        Else as Training.
        """
        if preset.replay.kind == "prioritised":
            raise InvalidInput("setting replay.kind is 'prioritised', expected uniform with --ray")
        out = out.absolute()  # actors have folders of their own
        saved = begun(out, preset, resume)
        self._preset, self._out, self._scale = preset, out, scale
        self._seed = seed if saved is None else saved["seed"]
        self._collect = collect is not False if saved is None or collect is not None else saved["collect"]
        if self._collect and actors < 1:
            raise InvalidInput(f"actors is {actors}, expected at least 1 to collect episodes")
        self._rng = np.random.default_rng([self._seed, 2])
        self._minutes_before, self._recorded_before = 0.0, 0
        self._shares = shares_of(episodes, preset.replay.simulation_share if self._collect else 0.0)
        paths = [folder.path.absolute() for folder in episodes]
        if saved is not None:
            with fitting(out):
                self._rng.bit_generator.state = json.loads(saved["rng"])
                self._minutes_before = saved["minutes"]
                recorded = saved.get("recorded", {"episodes": 0, "shares": []})  # older runs have none
                self._recorded_before, self._shares = recorded["episodes"], recorded["shares"]
                paths = [Path(path) for path in recorded.get("folders", [])]
                hold_back = recorded.get("hold_back", hold_back)
        self._paths, self._hold_back = paths, hold_back
        folders = shard_folders(out, scale.shards)
        specs = shard_specs(preset, folders, resume)
        say_precision(preset, device)
        self._calls, self.deaths = Calls(), Deaths(partial(print, file=sys.stderr))
        # The trainer first: where something is wrong with checkpoint or model, nothing else begins.
        self._trainer = start(
            "trainer", Trainer, preset, out, self._seed, init, device.type, gpus=int(device.type == "cuda")
        )
        begin, self._targets = self._trainer.begin.options(num_returns=2).remote()
        self._learned: Learned = answer(begin)
        self._init = self._learned.init
        self.deaths.heard("trainer-0", self._learned.process)
        self.replay = Replay(preset, folders, specs, resume, self._calls, self.deaths)
        if saved is not None:
            check_episodes(out, saved, self.replay.episodes)
        for damage in self.replay.damage:
            print(damage, file=sys.stderr)
        self._labelling = Labelling(preset, scale, self._seed, self.replay, self._calls, self.deaths)
        self._labelling.use(self.step, self._targets)
        self._cells = Cells(
            "collector", actors if self._collect else 0, preset, self._calls, self.deaths, self._collected
        )
        grasps = preset.housekeeping.evaluate_episodes
        self._evaluations = Evaluations(out, preset.collection.objects, grasps, self._seed)
        self._evaluators = Cells("evaluator", min(1, grasps), preset, self._calls, self.deaths, self._evaluated)
        self._folders = (
            Folders(preset, paths, folders, specs[0], hold_back, self.replay, self._calls, self.deaths)
            if paths
            else None
        )
        self._ordered = self.replay.episodes
        self._fitted = self.step > 0 or not preset.loss.auxiliary_weight
        self._learning = 0  # calls that the trainer has at hand
        self._started = time.monotonic()
        (out / "preset.yaml").write_text(yaml_text(preset.to_json()))  # for people; the checkpoint has its own
        self._acting: Path | None = None
        if not resume:
            self.save()  # from here on the run can be resumed

    @property
    def step(self) -> int:
        """Gradient steps done."""
        return self._learned.step

    @property
    def recorded(self) -> int:
        """Episodes of folders among those ever added; a run that began without Ray has no list of their names."""
        return max(self._recorded_before, self.replay.recorded)

    def run(self, minutes: float = float("inf")) -> Outcome:
        """Learn until the preset's steps are done, `minutes` are over or Ctrl-C; the checkpoint is then up to date."""
        deadline = time.monotonic() + 60 * minutes
        self._publish()
        with first_interrupt() as interrupted, progress_bar(self._preset.steps) as self._bar:
            self._metrics = Metrics(self._out, self.step)
            self._window = (time.monotonic(), self.step, self.replay.episodes, 0)
            try:
                while self.step < self._preset.steps and not interrupted and time.monotonic() < deadline:
                    self._go_on()
                    self._calls.wait(WAIT)
                while self.replay.waiting or self._learning:  # nothing that has been done is lost
                    self._calls.wait(WAIT)
                self.save()
                while self._evaluations and not interrupted:
                    self._bar.update(self._bar.task_ids[0], completed=self.step, description="evaluating")
                    self._evaluators.go_on()
                    self._calls.wait(WAIT)
            finally:
                self._metrics.close()
        self._evaluations.clean_up()
        return Outcome(self.step, bool(interrupted), self._evaluations.success)

    def save(self) -> None:
        """Write the checkpoint; the replay goes to the disk before it."""
        self.replay.flush()
        answer(self._trainer.save.remote(self._saved()))

    def _saved(self) -> SavedRun:
        recorded: dict[str, Any] = {"episodes": self.recorded, "shares": self._shares}
        if self._paths:
            recorded |= {"folders": [str(path) for path in self._paths], "hold_back": self._hold_back}
        return SavedRun(
            rng=json.dumps(self._rng.bit_generator.state),
            episodes=self.replay.episodes,
            seed=self._seed,
            collect=self._collect,
            minutes=self._minutes(),
            init=self._init,
            recorded=recorded,
        )

    def _minutes(self) -> float:
        return self._minutes_before + (time.monotonic() - self._started) / 60

    def _publish(self) -> None:
        """Let the collectors act with the newest weights."""
        answer(self._trainer.publish.remote(self._out / ACTING))
        self._acting = self._out / ACTING if self.step > 0 or self._init else None

    def _go_on(self) -> None:
        """Give every stage its work, as far as there is room behind it."""
        if self.replay.waiting < self._scale.episodes_ahead * self._scale.shards:
            while self._cells.room:
                self._cells.submit(self._next_order())
            self._cells.go_on()
            if self._folders is not None:
                self._folders.go_on()
        self._evaluators.go_on()
        if not self._may_learn():
            found = self.replay.episodes - self.recorded
            due = episodes_due(self._preset, self.step)
            self._bar.update(self._bar.task_ids[0], description=f"collecting: {found} of {due} episodes")
            return
        if not self._fitted:
            self._fitted = True
            answer(self._trainer.fit_auxiliary.remote(self._saved(), *self.replay.privileged(4096, self._rng)))
        self._labelling.go_on(self._learning, self._batch_shares(), self._rng)
        while self._learning < self._scale.labelled_ahead and self._may_learn():
            taken = self._labelling.take(self.step + self._learning * self._scale.batches_per_call)
            if taken is None:
                return
            made, labelled = taken
            learned, targets = self._trainer.learn.options(num_returns=2).remote(labelled)
            self._learning += 1
            self._calls.expect(learned, partial(self._hear_learned, made, targets))

    def _may_learn(self) -> bool:
        """Whether there are as many episodes as the preset asks for before the next gradient steps."""
        if self._folders is not None and not self._folders.all_read:
            return False
        if not self.replay.transitions():
            return False
        ahead = self.step + self._learning * self._scale.batches_per_call
        simulated = self.replay.episodes - self.recorded
        return not self._collect or simulated >= episodes_due(self._preset, ahead)

    def _batch_shares(self) -> dict[int, float] | None:
        return batch_shares(self._preset.replay, self.step / self._preset.steps, self.replay.transitions, self._shares)

    def _next_order(self) -> Order:
        number, self._ordered = self._ordered, self._ordered + 1
        scripted, learned = (self.replay.outcomes(source) for source in (OFF_POLICY, ON_POLICY))
        return next_order(self._preset, self._seed, number, self.step, self._acting, scripted, learned)

    def _collected(self, orders: Sequence[Order], episodes: Ref) -> None:
        self.replay.add([OFF_POLICY if order.weights is None else ON_POLICY for order in orders], episodes)

    def _evaluated(self, orders: Sequence[Order], episodes: Ref) -> None:
        for order, episode in zip(orders, answer(episodes), strict=True):
            assert order.evaluation is not None
            if count := self._evaluations.take(order.evaluation, Result(order, episode)):
                record = self._evaluations.record(order.objects, count, self.replay.episodes, self._minutes())
                self._metrics.evaluation(order.evaluation, record)
                self._bar.console.print(told(order.evaluation, record), soft_wrap=True)

    def _hear_learned(self, made: int, targets: Ref, learned: Learned) -> None:
        before, self._learned = self.step, learned
        self._learning -= 1
        self._labelling.use(self.step, targets)
        if self.deaths.heard("trainer-0", learned.process) or self.step < before:
            self._metrics.close()
            self._metrics = Metrics(self._out, self.step)  # forgets what was written of the steps that are undone
            self._window = (time.monotonic(), self.step, self.replay.episodes, self._labelling.labelled)
            return
        every = self._preset.housekeeping
        if _crossed(SCALARS_EVERY, before, self.step):
            self._record(self.step - made)
        if _crossed(every.publish_every, before, self.step):
            self._publish()
        if _crossed(every.checkpoint_every, before, self.step):
            self.save()
        if _crossed(every.evaluate_every, before, self.step) or before < self.step == self._preset.steps:
            self._evaluations.order(
                self.step, lambda path: answer(self._trainer.publish.remote(path)), self._evaluators
            )

    def _record(self, age: int) -> None:
        now, replay = time.monotonic(), self.replay
        then, step, episodes, labelled = self._window
        self._window = (now, self.step, replay.episodes, self._labelling.labelled)
        shares = self._batch_shares() or {s: replay.transitions(s) / replay.transitions() for s in (ON_POLICY, PERSON)}
        values: dict[str, float] = self._learned.metrics | {
            "speed/steps_per_s": (self.step - step) / (now - then),
            "speed/episodes_per_s": (replay.episodes - episodes) / (now - then),
            "speed/labelled_per_s": (self._labelling.labelled - labelled) / (now - then),
            "data/episodes": replay.episodes,
            "data/on_policy_share": shares[ON_POLICY],
            "data/person_share": shares.get(PERSON, 0.0),
            "ring/target_age": age,
            "ring/episodes_waiting": replay.waiting,
            "ring/labelled_waiting": self._labelling.waiting,
            "ring/labelled_too_old": self._labelling.thrown_away,
            "ring/deaths": self.deaths.count,
        }
        for name, source in {"scripted": OFF_POLICY, "online": ON_POLICY}.items():
            if outcomes := replay.outcomes(source):
                values[f"success/{name}"] = float(np.mean(outcomes))
        self._metrics.scalars(self.step, dict(values))
        validation = self._evaluations.success.get(VALIDATION[self._preset.collection.objects], float("nan"))
        self._bar.update(
            self._bar.task_ids[0],
            completed=self.step,
            description=(
                f"{values['speed/steps_per_s']:.0f} steps/s  {replay.episodes} episodes "
                f"({values['speed/episodes_per_s']:.0f}/s)  waiting: {replay.waiting} lists of episodes, "
                f"{self._labelling.waiting} of labels  success {values.get('success/online', float('nan')):.0%} "
                f"online, {validation:.0%} validation"
            ),
        )


def _crossed(every: int, before: int, now: int) -> bool:
    """Whether a multiple of `every` lies above `before`, and not above `now`."""
    return now // every > before // every
