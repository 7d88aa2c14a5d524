"""Everything a training run is made from, in one small YAML file."""

import math
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import GenericAlias
from typing import Any

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import get_profile
from qtopt_agent.documents import parse_yaml, read_yaml

_NAMES = {
    "optimizer": ("adamw", "sgd"),
    "q_function": ("scalar", "quantile", "naf", "actor_critic"),
    "risk": ("neutral", "cvar", "wang", "pow", "cpw", "norm"),
    "loss": ("cross_entropy", "squared", "huber"),
    "maximizer": ("cem", "icem", "cma_es", "gradient", "random", "grid", "policy_weights", "proposal"),
    "target": ("lagged_pair", "polyak", "hard", "fitted"),
    "n_step_correction": ("none", "cut", "importance"),
    "replay": ("uniform", "prioritised"),
    "handover": ("count", "better"),
}
_COUNTS = (
    "steps",
    "batch_size",
    "learning_rate_decay_steps",
    "target_lag",
    "target_period",
    "quantiles",
    "n_step",
    "cem_samples",
    "cem_elites",
    "cem_iterations",
    "capacity",
    "publish_every",
    "checkpoint_every",
    "evaluate_every",
    "evaluation_samples",
    "evaluation_iterations",
)


@dataclass(frozen=True)
class Preset:
    """Settings of one training run. Schedules run with progress = step / `steps`, not with time.

    A pair (a, b) goes linearly from a at progress 0 to b at progress 1. Discount and rewards come from the profile.
    """

    profile: str
    steps: int  # gradient steps
    batch_size: int
    # Optimiser
    optimizer: str  # "adamw" or "sgd" (momentum 0.9)
    learning_rate: float
    final_learning_rate: float  # cosine from learning_rate; equal values keep it constant
    weight_decay: float
    gradient_clip: float = 10.0  # norm of the gradient
    learning_rate_decay: float = 1.0  # multiplies the rate every learning_rate_decay_steps steps
    learning_rate_decay_steps: int = 1
    bf16: bool = True
    # Q-function, and its greedy action
    q_function: str = "scalar"  # scalar, quantile, naf or actor_critic
    quantiles: int = 16  # drawn for each transition, where q_function is quantile
    risk: str = "neutral"  # distortion of a quantile head: neutral, cvar, wang, pow, cpw or norm
    risk_level: float = 0.0  # its parameter, as in Bodnar et al. 2020
    maximizer: str = "cem"  # cem, icem, cma_es, gradient, random, grid, policy_weights or proposal
    cem_samples: int = 64
    cem_elites: int = 6
    cem_iterations: int = 2
    grid_levels: tuple[float, ...] = (-1.0, -0.3, 0.0, 0.3, 1.0)  # of each dimension, as a share of its bound
    # Bellman targets
    loss: str = "cross_entropy"  # cross_entropy, squared or huber
    target: str = "lagged_pair"  # lagged_pair, polyak, hard or fitted
    ema_decay: float = 0.995  # lagged_pair, polyak
    target_lag: int = 500  # steps; lagged_pair
    target_period: int = 500  # steps; hard: between two copies; fitted: the longest inner loop
    double: bool = False  # the online network chooses the action, the target values it
    n_step: int = 1  # rewards before bootstrapping
    n_step_correction: str = "none"  # of n-step returns: none, cut or importance
    mc_bound_until: float = 0.0  # progress up to which the Monte-Carlo return bounds the target from below
    auxiliary_weight: float = 0.0
    symmetry: bool = False  # mirror transitions at random; wants a wrist camera on the gripper's axis
    # Data
    capacity: int = 500_000  # frames in the replay store
    scripted_episodes: int = 10_000
    min_episodes: int = 1_000  # before the first gradient step
    episodes_per_1000_steps: float = 0.0  # the learner waits for this many; 0 never waits
    on_policy_share: tuple[float, float] = (0.5, 0.5)  # of a batch
    epsilon: tuple[float, float] = (0.2, 0.05)  # probability of a random action
    noise: tuple[float, float] = (0.1, 0.02)  # standard deviation, as a share of each bound
    boltzmann: tuple[float, float] = (0.0, 0.0)  # temperature in units of Q; 0 takes the best sample
    handover: str = "count"  # to the learned policy: after scripted_episodes, or earlier, once it is better
    replay: str = "uniform"  # uniform or prioritised, which pays no heed to on_policy_share
    priority_exponent: float = 0.6
    priority_correction: tuple[float, float] = (0.4, 1.0)
    clutter: tuple[int, int] = (1, 1)  # objects in the bin, fewest and most
    # Housekeeping, in gradient steps
    publish_every: int = 200
    checkpoint_every: int = 5_000
    evaluate_every: int = 5_000
    evaluate_episodes: int = 100  # on each of training and validation objects
    evaluation_samples: int = 128  # CEM as `qtopt export` sets it
    evaluation_iterations: int = 3

    def __post_init__(self) -> None:
        get_profile(self.profile)
        for name, known in _NAMES.items():
            if getattr(self, name) not in known:
                raise InvalidInput(f"{name} is {getattr(self, name)!r}, expected {' or '.join(known)}")
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise InvalidInput(f"{name} is {getattr(self, name)}, expected at least 1")
        for name in ("epsilon", "on_policy_share", "priority_correction"):
            if not all(0 <= share <= 1 for share in getattr(self, name)):
                raise InvalidInput(f"{name} is {getattr(self, name)}, expected shares from 0 to 1")
        if len(self.grid_levels) < 2 or not all(-1 <= level <= 1 for level in self.grid_levels):
            raise InvalidInput(f"grid_levels is {self.grid_levels}, expected two or more numbers from -1 to 1")
        if not all(temperature >= 0 for temperature in self.boltzmann):
            raise InvalidInput(f"boltzmann is {self.boltzmann}, expected temperatures of 0 or more")
        if self.q_function == "quantile" and self.n_step_correction != "none":
            raise InvalidInput(f"n_step_correction {self.n_step_correction}: not for a quantile head, expected none")
        if not 0 <= self.ema_decay < 1:
            raise InvalidInput(f"ema_decay is {self.ema_decay}, expected 0 <= ema_decay < 1")

    def override(self, assignments: list[str]) -> "Preset":
        """A copy with "key=value" settings applied; values are YAML. Raises InvalidInput on an unknown key."""
        changes = {}
        for assignment in assignments:
            key, separator, value = assignment.partition("=")
            if not separator:
                raise InvalidInput(f"setting {assignment!r}: expected key=value")
            changes[key] = parse_yaml(value, f"setting {assignment!r}")
        return replace(self, **_checked(changes))


def ramp(ends: tuple[float, float], progress: float) -> float:
    """What a schedule (a, b) says at `progress` 0..1."""
    return ends[0] + (ends[1] - ends[0]) * min(1.0, progress)


def load_preset(name: str) -> Preset:
    """The shipped preset called `name`, or the one in a file that ends in .yaml. Raises InvalidInput."""
    if name.endswith(".yaml"):
        settings = read_yaml(Path(name))
    else:
        if name not in preset_names():
            raise InvalidInput(f"unknown preset {name!r}, expected one of {', '.join(preset_names())} or a .yaml file")
        settings = read_yaml(_folder() / f"{name}.yaml")
    if not isinstance(settings, dict):
        raise InvalidInput(f"preset {name}: expected key: value lines")
    settings = _checked(settings)
    required = {"profile", "steps", "batch_size", "optimizer", "learning_rate", "final_learning_rate", "weight_decay"}
    if missing := required - settings.keys():
        raise InvalidInput(f"preset {name} lacks {', '.join(sorted(missing))}")
    return Preset(**settings)


def preset_names() -> list[str]:
    """Names of the shipped presets."""
    return sorted(path.name.removesuffix(".yaml") for path in _folder().iterdir() if path.name.endswith(".yaml"))


def _folder() -> Path:
    return Path(__file__).parent / "presets"


def _checked(settings: dict[str, Any]) -> dict[str, Any]:
    """`settings` with the types that Preset declares, or InvalidInput naming the key that is wrong."""
    known = {field.name: field.type for field in fields(Preset)}
    checked = {}
    for key, value in settings.items():
        if key not in known:
            raise InvalidInput(f"unknown setting {key!r}, expected one of {', '.join(known)}")
        try:
            checked[key] = _converted(value, known[key])
        except (TypeError, ValueError) as error:
            expected = getattr(known[key], "__args__", [known[key]])
            names = ", ".join("..." if kind is Ellipsis else kind.__name__ for kind in expected)
            raise InvalidInput(f"setting {key} is {value!r}, expected {names}") from error
    return checked


def _converted(value: Any, kind: Any) -> Any:
    """`value` as a `kind`; 1e4 may stand for an integer, 10 for a float. Raises TypeError or ValueError."""
    if isinstance(kind, GenericAlias):
        kinds = kind.__args__
        if kinds[1:] == (Ellipsis,):
            kinds = kinds[:1] * len(value)
        return tuple(_converted(part, of) for part, of in zip(value, kinds, strict=True))
    if kind in (bool, str) or isinstance(value, bool):
        if type(value) is not kind:
            raise TypeError
        return value
    number = float(value)
    if not math.isfinite(number) or number != kind(number):
        raise ValueError
    return kind(number)
