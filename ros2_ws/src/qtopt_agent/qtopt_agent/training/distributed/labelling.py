"""The Bellman updaters of a run: gives them transitions, and keeps what they have labelled for the trainer."""

from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from qtopt_agent.core.seeds import derived_seed
from qtopt_agent.learning.preset import Preset
from qtopt_agent.training.distributed.calls import Calls, Ref
from qtopt_agent.training.distributed.deaths import Deaths
from qtopt_agent.training.distributed.placement import start
from qtopt_agent.training.distributed.replay import Replay
from qtopt_agent.training.distributed.scale import Scale
from qtopt_agent.training.distributed.updater import Updater


class Labelling:
    """Actors that label. What is drawn, labelled and waiting is bounded by `scale`.

    thrown_away: calls whose labels had become too old.
    """

    def __init__(self, preset: Preset, scale: Scale, seed: int, replay: Replay, calls: Calls, deaths: Deaths) -> None:
        self._preset, self._scale, self._replay, self._calls, self._deaths = preset, scale, replay, calls, deaths
        self._updaters = [
            _Updater(f"updater-{i}", start("updater", Updater, preset, derived_seed(seed, 4, i)))
            for i in range(scale.updaters)
        ]
        self._waiting: deque[tuple[int, Ref]] = deque()
        self._targets: tuple[int, Ref] | None = None
        self.thrown_away = 0
        self.labelled = 0

    @property
    def waiting(self) -> int:
        """Calls whose labels wait for the trainer."""
        return len(self._waiting)

    def use(self, step: int, targets: Ref) -> None:
        """Label with `targets`, which are those after gradient step `step`, from now on."""
        self._targets = step, targets

    def go_on(self, ahead: int, shares: Mapping[int, float] | None, rng: np.random.Generator) -> None:
        """Draw transitions for the updaters that have room, while the trainer has `ahead` calls at hand."""
        scale, batch_size = self._scale, self._preset.optimizer.batch_size
        while self._targets is not None and len(self._waiting) < scale.labelled_ahead:
            updater = min(self._updaters, key=lambda each: each.calls)
            under_way = sum(each.calls for each in self._updaters) + len(self._waiting) + ahead
            too_old = (under_way + 1) * scale.batches_per_call > scale.oldest_target
            if updater.calls == scale.drawn_ahead or (too_old and under_way):
                return
            samples = self._replay.draw(scale.batches_per_call * batch_size, shares, rng)
            step, targets = self._targets
            seed = int(rng.integers(2**63))
            process, labelled = updater.actor.label.options(num_returns=2).remote(targets, seed, *samples)
            updater.calls += 1
            self._calls.expect(process, partial(self._hear, updater, step, labelled))

    def take(self, step: int) -> tuple[int, Ref] | None:
        """The oldest labels that are not too old when gradient step `step` is done; the step of their targets first."""
        while self._waiting:
            made, labelled = self._waiting.popleft()
            if step - made <= self._scale.oldest_target:
                return made, labelled
            self.thrown_away += 1
        return None

    def _hear(self, updater: "_Updater", step: int, labelled: Ref, process: int) -> None:
        self._deaths.heard(updater.name, process)
        updater.calls -= 1
        self.labelled += self._scale.batches_per_call * self._preset.optimizer.batch_size
        self._waiting.append((step, labelled))


class _Updater:
    """What is known here of one actor."""

    def __init__(self, name: str, actor: Any) -> None:
        self.name, self.actor, self.calls = name, actor, 0
