"""How often a policy succeeds, and how sure that is."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from qtopt_agent.rollouts.intervals import wilson
from qtopt_agent.rollouts.parallel import Rollout, RolloutPlan, run_rollouts


@dataclass(frozen=True)
class EvaluationResult:
    """Counts of one evaluation; the interval is Wilson's, 95 %. `families` has [successes, episodes] a shape family."""

    episodes: int
    successes: int
    success: float
    wilson_low: float
    wilson_high: float
    objects: str
    clutter: tuple[int, int]
    model: str
    seed: int
    wall_s: float
    decisions_per_s: float
    families: dict[str, tuple[int, int]]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file."""
        return asdict(self)


def evaluate(
    plan: RolloutPlan,
    episodes: int,
    workers: int,
    on_done: Callable[[Rollout], None] | None = None,
    on_mesh: Callable[[int, int], None] | None = None,
) -> tuple[EvaluationResult, list[Rollout]]:
    """Run `plan` for so many episodes and count. Raises what `run_rollouts` raises."""
    start = time.perf_counter()
    rollouts = run_rollouts(plan, episodes, workers, on_done, on_mesh)
    return summarise(plan, rollouts, time.perf_counter() - start), rollouts


def summarise(plan: RolloutPlan, rollouts: list[Rollout], wall_s: float) -> EvaluationResult:
    """The figures of rollouts that are done; `decisions_per_s` is the policy's own speed, on one thread."""
    successes = sum(rollout.success for rollout in rollouts)
    low, high = wilson(successes, len(rollouts))
    families: dict[str, tuple[int, int]] = {}
    for rollout in rollouts:
        if len(rollout.objects) == 1:  # with several, nobody knows which one the policy went for
            name = rollout.objects[0]
            done, tried = families.get(name, (0, 0))
            families[name] = (done + rollout.success, tried + 1)
    return EvaluationResult(
        episodes=len(rollouts),
        successes=successes,
        success=successes / len(rollouts),
        wilson_low=low,
        wilson_high=high,
        objects=plan.objects,
        clutter=plan.clutter,
        model=plan.policy,
        seed=plan.seed,
        wall_s=wall_s,
        decisions_per_s=sum(r.decisions for r in rollouts) / sum(r.decide_s for r in rollouts),
        families=dict(sorted(families.items())),
    )
