"""The trainer: takes gradient steps on what updaters have labelled, and keeps the checkpoint."""

import os
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.learning.checkpoint import save_weights
from qtopt_agent.learning.labelled import Labelled
from qtopt_agent.learning.learner import Learner
from qtopt_agent.learning.metrics import weight_gap
from qtopt_agent.learning.preset import Preset
from qtopt_agent.processes.device import find_device
from qtopt_agent.training.distributed.settled import settle
from qtopt_agent.training.initial import make_learner
from qtopt_agent.training.saved_run import CHECKPOINT, SavedRun, fitting, read_run


class Learned(NamedTuple):
    """How far a trainer is.

    process: its id. step: gradient steps done. metrics: of the last of them. init: version of the model it began with.
    """

    process: int
    step: int
    metrics: dict[str, float]
    init: str = ""


class Trainer:
    """A Learner that goes on from the checkpoint in the run's folder wherever there is one, so after its death, too.

    A new run begins with the model `init`, if any. device: cpu, or cuda for the GPU that Ray gives it.
    """

    def __init__(self, preset: Preset, out: Path, seed: int, init: Path | None, device: str) -> None:
        settle()
        self._preset, self._out, self._seed, self._model, self._device = preset, out, seed, init, device

    # Made by the first call: of an error there, Ray tells what it is, which it does not of one in a constructor.
    @cached_property
    def _begun(self) -> tuple[Learner, str]:
        saved = read_run(self._out) if (self._out / CHECKPOINT).exists() else None
        learner, version = make_learner(
            self._preset, self._seed, self._model if saved is None else None, find_device(self._device)
        )
        if saved is not None:
            with fitting(self._out):
                learner.load_state_dict(saved["learner"])
            version = saved.get("init", "")
        return learner, version

    @property
    def _learner(self) -> Learner:
        return self._begun[0]

    def begin(self) -> tuple[Learned, dict[str, Any]]:
        """Where it goes on from, and what updaters label with.

        Raises IncompatibleModel where the checkpoint, or the model that the run begins with, does not fit.
        """
        learner, version = self._begun
        return Learned(os.getpid(), learner.step_count, {}, version), learner.labelling_state()

    def fit_auxiliary(self, saved: SavedRun, *privileged: NDArray[np.float32]) -> None:
        """See Learner.fit_auxiliary; it is in the checkpoint at once, so that this trainer may die."""
        self._learner.fit_auxiliary(np.concatenate(privileged))
        self.save(saved)

    def learn(self, labelled: list[Labelled]) -> tuple[Learned, dict[str, Any]]:
        """A gradient step on each batch, but for those beyond the preset's last; then as `begin`."""
        learner, metrics = self._learner, {}
        for batch in labelled[: max(0, self._preset.steps - learner.step_count)]:
            metrics = learner.learn(batch)
        values = {f"learner/{name}": float(value) for name, value in metrics.items()}
        values["learner/target_gap"] = weight_gap(learner.network, learner.targets.networks[-1])
        values["learner/learning_rate"] = learner.learning_rate()
        return Learned(os.getpid(), learner.step_count, values), learner.labelling_state()

    def publish(self, path: Path) -> int:
        """Write the weights that act to `path`; returns the gradient steps they have."""
        save_weights(path, self._learner.acting)
        return self._learner.step_count

    def save(self, saved: SavedRun) -> int:
        """Write the checkpoint; returns the gradient steps it has."""
        saved.write(self._out, self._learner, self._preset)
        return self._learner.step_count
