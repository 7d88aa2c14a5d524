"""Brings the learner its batches, drawn from the replay as the preset says."""

import numpy as np
from torch import Tensor

from qtopt_agent.learning.learner import Learner
from qtopt_agent.learning.settings import ramp
from qtopt_agent.replay.prioritised import PrioritisedSampler
from qtopt_agent.replay.spec import ON_POLICY
from qtopt_agent.replay.store import TransitionStore

ENOUGH_ON_POLICY = 1_000  # transitions, before the preset's on-policy share applies


class Feed:
    """A store, and the way the learner's preset samples it."""

    def __init__(self, learner: Learner, store: TransitionStore, rng: np.random.Generator) -> None:
        self._learner, self._store, self._rng = learner, store, rng
        replay = learner.preset.replay
        self._sampler = PrioritisedSampler(store, replay.priority_exponent) if replay.kind == "prioritised" else None

    def step(self) -> dict[str, Tensor]:
        """Let the learner learn from one batch; returns its metrics. Raises InvalidInput on an empty store."""
        learner, preset = self._learner, self._learner.preset
        size, n_step = preset.optimizer.batch_size, preset.target.n_step
        if self._sampler is None:
            batch = self._store.sample(size, self._rng, self.on_policy_share(), n_step)
        else:
            correction = ramp(preset.replay.priority_correction, learner.progress)
            batch = self._sampler.sample(size, self._rng, correction, n_step)
        corrected = n_step > 1 and preset.target.n_step_correction != "none"
        metrics = learner.step(batch, self._store.sequences(batch.rows, n_step) if corrected else None)
        if self._sampler is not None:
            self._sampler.update(batch, learner.td_errors)
        return metrics

    def on_policy_share(self) -> float | None:
        """The share of the agent's own episodes that the next batch is to have; None for as many as there are."""
        if self._store.transitions(ON_POLICY) < ENOUGH_ON_POLICY:
            return None
        return ramp(self._learner.preset.replay.on_policy_share, self._learner.progress)
