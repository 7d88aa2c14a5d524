"""The settings of a training run, in groups: what each is called, may be and means, and what it is if left out.

A pair (a, b) goes linearly from a at the first gradient step to b at the last. A group is called by what its `kind`
chooses: `maximizer: grid` is short for a group `maximizer` with `kind: grid`.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from qtopt_agent.core.clutter import Clutter
from qtopt_agent.core.ranges import Range

Count = Annotated[int, Range(1, 10**9)]
CountOrNone = Annotated[int, Range(0, 10**9)]
Samples = Annotated[int, Range(1, 100_000)]
Iterations = Annotated[int, Range(1, 1_000)]
Rate = Annotated[float, Range(0, 10)]
Share = Annotated[float, Range(0, 1)]
Rates = tuple[Rate, Rate]
Shares = tuple[Share, Share]


def ramp(ends: tuple[float, float], progress: float) -> float:
    """What a schedule (a, b) says at `progress` 0..1."""
    return ends[0] + (ends[1] - ends[0]) * min(1.0, progress)


@dataclass(frozen=True)
class OptimizerSettings:
    """How the weights follow the gradient."""

    kind: Annotated[Literal["adamw", "sgd"], "sgd: with momentum 0.9"]
    batch_size: Annotated[int, Range(1, 65_536), "transitions in a gradient step"]
    learning_rate: Annotated[float, Range(0, 10, above=True), "at the first step"]
    final_learning_rate: Annotated[Rate, "at the last step, along a cosine; the same as learning_rate: constant"]
    weight_decay: Annotated[Rate, "share of a weight: adamw takes it off beside the step, sgd adds it to the gradient"]
    gradient_clip: Annotated[float, Range(0, 10**9, above=True), "norm of the gradient, at most"] = 10.0
    learning_rate_decay: Annotated[
        float, Range(0, 1, above=True), "factor of the rate, every learning_rate_decay_steps"
    ] = 1.0
    learning_rate_decay_steps: Annotated[Count, "gradient steps"] = 1
    bf16: Annotated[bool, "calculate in bfloat16 where the device has instructions for it, with weights in float32"] = (
        True
    )


@dataclass(frozen=True)
class QFunctionSettings:
    """What the network says of an action."""

    kind: Annotated[
        Literal["scalar", "quantile", "naf", "actor_critic"],
        "quantile: the distribution of the return; naf, actor_critic: also what action to take",
    ] = "scalar"
    quantiles: Annotated[int, Range(1, 10_000), "quantile: drawn for each transition"] = 16
    risk: Annotated[
        Literal["neutral", "cvar", "wang", "pow", "cpw", "norm"], "quantile: distortion that Q is averaged under"
    ] = "neutral"
    risk_level: Annotated[float, Range(-100, 100), "quantile: parameter of risk, as in Bodnar et al. 2020"] = 0.0


@dataclass(frozen=True)
class MaximizerSettings:
    """How the action with the largest Q is searched: in targets, when collecting, and in evaluations."""

    kind: Annotated[
        Literal["cem", "icem", "cma_es", "gradient", "random", "grid", "policy_weights", "proposal"],
        "proposal: what naf or actor_critic proposes",
    ] = "cem"
    cem_samples: Annotated[Samples, "actions scored in an iteration; random: times cem_iterations, at once"] = 64
    cem_elites: Annotated[Samples, "cem, icem, gradient, policy_weights: the best, around which the next are drawn"] = 6
    cem_iterations: Annotated[Iterations, "of the search"] = 2
    evaluation_samples: Annotated[Samples, "in place of cem_samples in evaluations"] = 128
    evaluation_iterations: Annotated[Iterations, "in place of cem_iterations in evaluations"] = 3
    grid_levels: Annotated[
        tuple[Annotated[float, Range(-1, 1)], ...], "grid: two or more values of each dimension, in half ranges"
    ] = (-1.0, -0.3, 0.0, 0.3, 1.0)


@dataclass(frozen=True)
class TargetSettings:
    """What Q is to become: rewards, and the value of the state after them."""

    kind: Annotated[
        Literal["lagged_pair", "polyak", "hard", "fitted"], "which copies of the network say that value"
    ] = "lagged_pair"
    ema_decay: Annotated[
        float, Range(0, 1, below=True), "lagged_pair, polyak: share of itself that the average keeps each step"
    ] = 0.995
    target_lag: Annotated[Count, "lagged_pair: gradient steps that the second copy is behind the first"] = 500
    target_period: Annotated[Count, "hard: gradient steps between two copies; fitted: of an inner loop, at most"] = 500
    double: Annotated[bool, "the network that learns chooses the action that the copies value"] = False
    n_step: Annotated[int, Range(1, 1_000), "rewards before that state"] = 1
    n_step_correction: Annotated[
        Literal["none", "cut", "importance"], "where n_step > 1: for steps that today's policy would not have taken"
    ] = "none"
    mc_bound_until: Annotated[Share, "share of the run in which no target is below its episode's return"] = 0.0


@dataclass(frozen=True)
class LossSettings:
    """How far Q is from its target, and what else the network learns."""

    kind: Annotated[Literal["cross_entropy", "squared", "huber"], "a quantile head has its own"] = "cross_entropy"
    auxiliary_weight: Annotated[
        float, Range(0, 1_000), "of the loss of predicting what only a simulator knows; 0: not predicted"
    ] = 0.0
    mask_weight: Annotated[
        float, Range(0, 1_000), "of the loss of saying which parts of a picture show objects; 0: not said"
    ] = 0.0


@dataclass(frozen=True)
class ReplaySettings:
    """Which transitions are kept, and which of them a batch is made of."""

    kind: Annotated[
        Literal["uniform", "prioritised"], "prioritised: by their errors, and no heed to on_policy_share"
    ] = "uniform"
    capacity: Annotated[CountOrNone, "frames kept, more than an episode has steps; 0: as many as fit in gigabytes"] = (
        500_000
    )
    gigabytes: Annotated[
        float,
        Range(0, 10**6),
        "of disk; 0: what capacity takes, or without one half of what is free, at most 100. Frames from 100 kB on are "
        "packed",
    ] = 0.0
    on_policy_share: Annotated[
        Shares, "uniform: of what a batch has from the run's own simulation, from the learned policy's episodes"
    ] = (0.5, 0.5)
    simulation_share: Annotated[
        Share, "uniform: of a batch, from the run's own simulation, beside recorded episodes without a share of theirs"
    ] = 0.5
    person_share: Annotated[
        Share, "uniform: of a batch, at least, from actions that a person chose in recorded episodes, if there are any"
    ] = 0.25
    recorded_actions: Annotated[
        Literal["executed", "commanded"],
        "of recorded episodes: what was sent to the arm after its safety limits, or what was asked for",
    ] = "executed"
    priority_exponent: Annotated[Share, "prioritised: 0 is uniform, 1 in proportion to the errors"] = 0.6
    priority_correction: Annotated[Shares, "prioritised: 1 undoes the bias altogether"] = (0.4, 1.0)
    symmetry: Annotated[
        bool, "mirror transitions at random, in the planes of the hand that the cell's camera lies in"
    ] = False


@dataclass(frozen=True)
class AugmentationSettings:
    """How pictures are changed when they are learned from, each by itself; targets and policy see them unchanged."""

    random_crop: Annotated[
        bool, "cut out anywhere in the camera's frame, which the replay keeps whole, not where the cell's crop is"
    ] = False
    random_brightness: Annotated[Share, "added or taken away, at most, share of the full range"] = 0.0
    random_contrast: Annotated[Share, "times 1 plus or minus this, at most"] = 0.0
    random_saturation: Annotated[Share, "times 1 plus or minus this, at most"] = 0.0
    random_hue: Annotated[float, Range(0, 0.5), "turned to either side, at most, share of the circle of colours"] = 0.0


UNCHANGED = AugmentationSettings()


@dataclass(frozen=True)
class ExplorationSettings:
    """What the learned policy does beside the best action while it collects."""

    epsilon: Annotated[Shares, "probability of a random action"] = (0.2, 0.05)
    noise: Annotated[Rates, "standard deviation, in half ranges"] = (0.1, 0.02)
    boltzmann: Annotated[Rates, "temperature in units of Q; 0: the best action found"] = (0.0, 0.0)

    def at(self, progress: float) -> tuple[float, float, float]:
        """All three at `progress` 0..1."""
        return ramp(self.epsilon, progress), ramp(self.noise, progress), ramp(self.boltzmann, progress)


@dataclass(frozen=True)
class CollectionSettings:
    """Which episodes are collected, and how many the learner waits for."""

    scripted_episodes: Annotated[CountOrNone, "from this number on, all are by the learned policy"] = 10_000
    handover: Annotated[
        Literal["count", "better"], "to the learned policy: at scripted_episodes, or as soon as it is better"
    ] = "count"
    min_episodes: Annotated[Count, "before the first gradient step"] = 1_000
    episodes_per_1000_steps: Annotated[
        float, Range(0, 10**6), "that the learner waits for after those; 0: it does not wait"
    ] = 0.0
    clutter: Annotated[Clutter, "fewest and most objects in the bin"] = (1, 1)
    lift_margin: Annotated[
        float, Range(0, 0.2), "above the height that counts, from which it does in episodes that are learned from, m"
    ] = 0.0
    objects: Annotated[
        Literal["train", "household"], "whose shapes are learned from; evaluated on those and on its validation objects"
    ] = "train"


@dataclass(frozen=True)
class HousekeepingSettings:
    """What happens between gradient steps."""

    publish_every: Annotated[Count, "gradient steps between two sets of weights for the actors"] = 200
    checkpoint_every: Annotated[Count, "gradient steps between two checkpoints"] = 5_000
    evaluate_every: Annotated[Count, "gradient steps between two evaluations"] = 5_000
    evaluate_episodes: Annotated[CountOrNone, "of an evaluation, on each of training and validation objects"] = 100
