"""A Bellman updater: labels transitions with the target networks."""

import os
from typing import Any

import numpy as np

from qtopt_agent.learning.labelled import Labelled
from qtopt_agent.learning.parts import make_augmentation
from qtopt_agent.learning.preset import Preset
from qtopt_agent.training.distributed.draws import batches
from qtopt_agent.training.distributed.settled import settle
from qtopt_agent.training.distributed.shard import Sample
from qtopt_agent.training.initial import make_learner


class Updater:
    """A learner that only labels (Kalashnikov et al. 2018, appendix F.4)."""

    def __init__(self, preset: Preset, seed: int) -> None:
        settle()
        self._learner, _ = make_learner(preset, seed)
        self._augmentation = make_augmentation(preset, preset.acting_profile())
        self._size = preset.optimizer.batch_size
        self._step = -1

    def label(self, targets: dict[str, Any], seed: int, *samples: Sample) -> tuple[int, list[Labelled]]:
        """The id of this process, and batches of the transitions in `samples`, mixed.

        `targets` is what `Learner.labelling_state` gives. What only the targets are made of is left out.
        """
        if targets["step"] != self._step:
            self._learner.load_labelling_state(targets)
            self._step = targets["step"]
        labelled, rng = list[Labelled](), np.random.default_rng(seed)
        for batch, sequences in batches(samples, self._size, rng):
            if self._augmentation is not None:
                batch = self._augmentation.batch(batch, rng)
                sequences = sequences and self._augmentation.sequences(sequences)
            found = self._learner.label(batch, sequences)
            small = found.batch._replace(next_image=batch.next_image[:0], next_state=batch.next_state[:0])
            labelled.append(found._replace(batch=small))
        return os.getpid(), labelled
