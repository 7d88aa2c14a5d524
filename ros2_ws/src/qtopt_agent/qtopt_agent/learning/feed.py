"""Brings the learner its batches, drawn from the replay as the preset says."""

from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor

from qtopt_agent.learning.augmentation import Augmentation
from qtopt_agent.learning.learner import Learner
from qtopt_agent.learning.settings import ReplaySettings, ramp
from qtopt_agent.replay.prioritised import PrioritisedSampler
from qtopt_agent.replay.spec import OFF_POLICY, ON_POLICY, PERSON, RECORDED
from qtopt_agent.replay.store import TransitionStore

ENOUGH_ON_POLICY = 1_000  # transitions, before the preset's on-policy share applies


class Feed:
    """A store, and the way the learner's preset samples it.

    recorded: of a batch, the share of each folder of recorded episodes; the run's own simulation has the rest.
    augmentation: what makes pictures of the network's size of those that the store keeps; none where they are the same.
    """

    def __init__(
        self,
        learner: Learner,
        store: TransitionStore,
        rng: np.random.Generator,
        recorded: Sequence[float] = (),
        augmentation: Augmentation | None = None,
    ) -> None:
        self._learner, self._store, self._rng, self._recorded = learner, store, rng, recorded
        self._augmentation = augmentation
        replay = learner.preset.replay
        self._sampler = PrioritisedSampler(store, replay.priority_exponent) if replay.kind == "prioritised" else None

    def step(self) -> dict[str, Tensor]:
        """Let the learner learn from one batch; returns its metrics. Raises InvalidInput on an empty store."""
        learner, preset = self._learner, self._learner.preset
        size, n_step = preset.optimizer.batch_size, preset.target.n_step
        if self._sampler is None:
            batch = self._store.sample(size, self._rng, self.shares(), n_step)
        else:
            correction = ramp(preset.replay.priority_correction, learner.progress)
            batch = self._sampler.sample(size, self._rng, correction, n_step)
        corrected = n_step > 1 and preset.target.n_step_correction != "none"
        sequences = self._store.sequences(batch.rows, n_step) if corrected else None
        if self._augmentation is not None:
            batch = self._augmentation.batch(batch, self._rng)
            sequences = sequences and self._augmentation.sequences(sequences)
        metrics = learner.step(batch, sequences)
        if self._sampler is not None:
            self._sampler.update(batch, learner.td_errors)
        return metrics

    def shares(self) -> dict[int, float] | None:
        """What of the next batch is to come from which source; None for as much as there is of each."""
        learner = self._learner
        return batch_shares(learner.preset.replay, learner.progress, self._store.transitions, self._recorded)


def batch_shares(
    replay: ReplaySettings, progress: float, count: Callable[[int], int], recorded: Sequence[float] = ()
) -> dict[int, float] | None:
    """Shares of a batch by source at `progress` 0..1, where there are `count(source)` transitions of each.

    recorded: as in Feed. None for as much as there is of each.
    """
    off, on, person = count(OFF_POLICY), count(ON_POLICY), count(PERSON)
    learned = ramp(replay.on_policy_share, progress)
    if on < ENOUGH_ON_POLICY:
        if not recorded:
            return None
        learned = on / max(1, off + on)
    own = max(0.0, 1 - sum(recorded))
    folders = {RECORDED + i: share for i, share in enumerate(recorded)}
    shares = {OFF_POLICY: own * (1 - learned), ON_POLICY: own * learned, **folders}
    if not person:
        return shares
    held = sum(count(source) for source in folders)
    theirs = max(replay.person_share, (1 - own) * person / (person + held))
    return {source: share * (1 - theirs) for source, share in shares.items()} | {PERSON: theirs}
