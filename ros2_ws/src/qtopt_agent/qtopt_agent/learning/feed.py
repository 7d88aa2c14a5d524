"""Brings the learner its batches, drawn from the replay as the preset says."""

import numpy as np
from torch import Tensor

from qtopt_agent.learning.learner import Learner
from qtopt_agent.learning.preset import ramp
from qtopt_agent.replay.prioritised import PrioritisedSampler
from qtopt_agent.replay.store import ON_POLICY, TransitionStore

ENOUGH_ON_POLICY = 1_000  # transitions, before the preset's on-policy share applies


class Feed:
    """A store, and the way the learner's preset samples it."""

    def __init__(self, learner: Learner, store: TransitionStore, rng: np.random.Generator) -> None:
        self._learner, self._store, self._rng = learner, store, rng
        preset = learner.preset
        self._sampler = PrioritisedSampler(store, preset.priority_exponent) if preset.replay == "prioritised" else None

    def step(self) -> dict[str, Tensor]:
        """Let the learner learn from one batch; returns its metrics. Raises InvalidInput on an empty store."""
        learner, preset = self._learner, self._learner.preset
        if self._sampler is None:
            share = self.on_policy_share()
            batch = self._store.sample(preset.batch_size, self._rng, share, preset.n_step)
        else:
            correction = ramp(preset.priority_correction, learner.progress)
            batch = self._sampler.sample(preset.batch_size, self._rng, correction, preset.n_step)
        corrected = preset.n_step > 1 and preset.n_step_correction != "none"
        metrics = learner.step(batch, self._store.sequences(batch.rows, preset.n_step) if corrected else None)
        if self._sampler is not None:
            self._sampler.update(batch, learner.td_errors)
        return metrics

    def on_policy_share(self) -> float | None:
        """The share of the agent's own episodes that the next batch is to have; None for as many as there are."""
        if self._store.transitions(ON_POLICY) < ENOUGH_ON_POLICY:
            return None
        return ramp(self._learner.preset.on_policy_share, self._learner.progress)
