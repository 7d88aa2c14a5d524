"""What one setting of a preset does, all others left as they are."""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.algorithms.runs import Job

BASE = "compact"
SHARES = {"pendulum": 1.0, "grasp": 0.5}
"""Of a task's budget. Grasping is learned in half of it, and differences are in how soon."""


@dataclass(frozen=True)
class Study:
    """Changes of `BASE`, each on its own, and the tasks that they are measured on."""

    tasks: tuple[str, ...]
    changes: tuple[str, ...]

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The preset as it is, and with each change."""
        return BASE, *(f"{BASE}+{change}" for change in self.changes)


STUDIES = {
    "targets": Study(("pendulum", "grasp"), ("target=polyak", "target=hard", "target=fitted", "double=true")),
    "losses": Study(("grasp",), ("loss=squared", "loss=huber")),
    "returns": Study(
        ("pendulum", "grasp"),
        (
            "n_step=3",
            "n_step=3+n_step_correction=cut",
            "n_step=3+n_step_correction=importance",
            "mc_bound_until=0",
        ),
    ),
    "replay": Study(("grasp",), ("replay=prioritised",)),
    "exploration": Study(("grasp",), ("epsilon=[0,0]+noise=[0,0]", "boltzmann=[0.05,0.01]+noise=[0,0]")),
}
"""By the name of the block in docs/algorithms that they fill."""


def jobs(seeds: int, share: float, objects: str) -> Iterator[Job]:
    """The runs of all studies, each once; `share` 0..1 of what they take."""
    names = {(task, algorithm) for study in STUDIES.values() for task in study.tasks for algorithm in study.algorithms}
    for seed in range(seeds):
        for task, algorithm in sorted(names):
            yield Job(task, algorithm, seed, share * SHARES[task], objects)
