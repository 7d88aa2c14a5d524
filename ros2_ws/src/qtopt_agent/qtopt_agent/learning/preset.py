"""Everything a training run is made from, in one small YAML file."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from qtopt_agent.core.clutter import Clutter, check_clutter
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import get_profile
from qtopt_agent.core.ranges import Range, converted
from qtopt_agent.documents import parse_yaml, read_yaml

Count = Annotated[int, Range(1, 10**9)]
CountOrNone = Annotated[int, Range(0, 10**9)]
Samples = Annotated[int, Range(1, 100_000)]
Rate = Annotated[float, Range(0, 10)]
Share = Annotated[float, Range(0, 1)]
Shares = tuple[Share, Share]

_FOLDER = Path(__file__).parent / "presets"
_ELITES_FROM_SAMPLES = ("cem", "icem", "gradient", "policy_weights")
_FIXED = ("profile", "q_function", "optimizer", "target", "capacity")  # what a checkpoint and its replay store fit


@dataclass(frozen=True)
class Preset:
    """Settings of one training run. Schedules run with progress = step / `steps`, not with time.

    A pair (a, b) goes linearly from a at progress 0 to b at progress 1. Discount and rewards come from the profile.
    Raises InvalidInput, naming the setting, where one is out of its range or two do not go together.
    """

    profile: str
    steps: Count  # gradient steps
    batch_size: Annotated[int, Range(1, 65_536)]
    # Optimiser
    optimizer: Literal["adamw", "sgd"]  # sgd with momentum 0.9
    learning_rate: Annotated[float, Range(0, 10, above=True)]
    final_learning_rate: Rate  # cosine from learning_rate; equal values keep it constant
    weight_decay: Rate
    gradient_clip: Annotated[float, Range(0, 10**9, above=True)] = 10.0  # norm of the gradient
    learning_rate_decay: Annotated[float, Range(0, 1, above=True)] = 1.0  # of the rate, every learning_rate_decay_steps
    learning_rate_decay_steps: Count = 1
    bf16: bool = True
    # Q-function, and its greedy action
    q_function: Literal["scalar", "quantile", "naf", "actor_critic"] = "scalar"
    quantiles: Annotated[int, Range(1, 10_000)] = 16  # drawn for each transition, where q_function is quantile
    risk: Literal["neutral", "cvar", "wang", "pow", "cpw", "norm"] = "neutral"  # distortion of a quantile head
    risk_level: Annotated[float, Range(-100, 100)] = 0.0  # its parameter, as in Bodnar et al. 2020
    maximizer: Literal["cem", "icem", "cma_es", "gradient", "random", "grid", "policy_weights", "proposal"] = "cem"
    cem_samples: Samples = 64
    cem_elites: Samples = 6
    cem_iterations: Annotated[int, Range(1, 1_000)] = 2
    grid_levels: tuple[Annotated[float, Range(-1, 1)], ...] = (-1.0, -0.3, 0.0, 0.3, 1.0)  # of each dimension's bound
    # Bellman targets
    loss: Literal["cross_entropy", "squared", "huber"] = "cross_entropy"
    target: Literal["lagged_pair", "polyak", "hard", "fitted"] = "lagged_pair"
    ema_decay: Annotated[float, Range(0, 1, below=True)] = 0.995  # lagged_pair, polyak
    target_lag: Count = 500  # steps; lagged_pair
    target_period: Count = 500  # steps; hard: between two copies; fitted: the longest inner loop
    double: bool = False  # the online network chooses the action, the target values it
    n_step: Annotated[int, Range(1, 1_000)] = 1  # rewards before bootstrapping
    n_step_correction: Literal["none", "cut", "importance"] = "none"  # of n-step returns
    mc_bound_until: Share = 0.0  # progress up to which the Monte-Carlo return bounds the target from below
    auxiliary_weight: Annotated[float, Range(0, 1_000)] = 0.0
    symmetry: bool = False  # mirror transitions at random; wants a wrist camera on the gripper's axis
    # Data
    capacity: Annotated[int, Range(2, 10**9)] = 500_000  # frames in the replay store
    scripted_episodes: CountOrNone = 10_000
    min_episodes: Count = 1_000  # before the first gradient step
    episodes_per_1000_steps: Annotated[float, Range(0, 10**6)] = 0.0  # the learner waits for this many; 0 never waits
    on_policy_share: Shares = (0.5, 0.5)  # of a batch
    epsilon: Shares = (0.2, 0.05)  # probability of a random action
    noise: tuple[Rate, Rate] = (0.1, 0.02)  # standard deviation, as a share of each bound
    boltzmann: tuple[Rate, Rate] = (0.0, 0.0)  # temperature in units of Q; 0 takes the best sample
    handover: Literal["count", "better"] = (
        "count"  # to the learned policy: after scripted_episodes, or once it is better
    )
    replay: Literal["uniform", "prioritised"] = "uniform"  # prioritised pays no heed to on_policy_share
    priority_exponent: Share = 0.6
    priority_correction: Shares = (0.4, 1.0)
    clutter: Clutter = (1, 1)  # objects in the bin, fewest and most
    # Housekeeping, in gradient steps
    publish_every: Count = 200
    checkpoint_every: Count = 5_000
    evaluate_every: Count = 5_000
    evaluate_episodes: CountOrNone = 100  # on each of training and validation objects
    evaluation_samples: Samples = 128  # CEM as `qtopt export` sets it
    evaluation_iterations: Annotated[int, Range(1, 1_000)] = 3

    def __post_init__(self) -> None:
        for field in fields(self):
            converted(f"setting {field.name}", getattr(self, field.name), field.type)
        profile = get_profile(self.profile)
        if self.maximizer in _ELITES_FROM_SAMPLES:
            for name in ("cem_samples", "evaluation_samples"):
                if (samples := getattr(self, name)) < self.cem_elites:
                    raise InvalidInput(f"setting {name} is {samples}, expected at least cem_elites, {self.cem_elites}")
        if self.maximizer == "proposal" and self.q_function not in ("naf", "actor_critic"):
            raise InvalidInput(f"setting maximizer is 'proposal': a {self.q_function} q_function proposes no actions")
        if len(self.grid_levels) < 2:
            raise InvalidInput(f"setting grid_levels is {self.grid_levels}, expected two or more numbers")
        check_clutter(self.clutter, "setting clutter")
        if self.q_function == "quantile" and self.n_step_correction != "none":
            raise InvalidInput(
                f"setting n_step_correction is {self.n_step_correction!r}: not for a quantile head, expected none"
            )
        if self.symmetry and not profile.has_mirror_images:
            raise InvalidInput(f"setting symmetry is True: not for the {profile.camera} camera of {profile.name}")
        if self.capacity <= profile.max_steps:
            raise InvalidInput(
                f"setting capacity is {self.capacity}, expected more than an episode's {profile.max_steps} steps"
            )

    def override(self, assignments: list[str]) -> "Preset":
        """A copy with "key=value" settings applied; values are YAML. Raises InvalidInput on an unknown key."""
        changes = {}
        for assignment in assignments:
            key, separator, value = assignment.partition("=")
            if not separator:
                raise InvalidInput(f"setting {assignment!r}: expected key=value")
            changes[key] = parse_yaml(value, f"setting {assignment!r}")
        return replace(self, **_checked(changes))

    def check_goes_on(self, run: "Preset") -> None:
        """Raises InvalidInput, naming the setting, where a run that began with `run` cannot go on with this preset."""
        for name in _FIXED:
            self._check_same(name, getattr(run, name), getattr(self, name))
        if bool(run.auxiliary_weight) != bool(self.auxiliary_weight):
            self._check_same("auxiliary_weight", run.auxiliary_weight, self.auxiliary_weight)

    @staticmethod
    def _check_same(name: str, was: object, asked: object) -> None:
        if was != asked:
            raise InvalidInput(
                f"setting {name} is {was!r} in this run, {asked!r} was asked for: start a new run for that"
            )


def ramp(ends: tuple[float, float], progress: float) -> float:
    """What a schedule (a, b) says at `progress` 0..1."""
    return ends[0] + (ends[1] - ends[0]) * min(1.0, progress)


def load_preset(name: str) -> Preset:
    """The shipped preset called `name`, or the one in a file that ends in .yaml. Raises InvalidInput."""
    if name.endswith(".yaml"):
        file = Path(name)
    elif name in preset_names():
        file = _FOLDER / f"{name}.yaml"
    else:
        raise InvalidInput(f"unknown preset {name!r}, expected one of {', '.join(preset_names())} or a .yaml file")
    settings = read_yaml(file)
    if not isinstance(settings, dict):
        raise InvalidInput(f"preset {name}: expected key: value lines")
    return make_preset(settings, f"preset {name}")


def make_preset(settings: Mapping[str, Any], name: str) -> Preset:
    """The preset with these `settings`; `name` is what errors call it. Raises InvalidInput."""
    required = [field.name for field in fields(Preset) if field.default is MISSING]
    if missing := [key for key in required if key not in settings]:
        raise InvalidInput(f"{name} lacks {', '.join(missing)}")
    try:
        return Preset(**_checked(settings))
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error}") from error


def preset_names() -> list[str]:
    """Names of the shipped presets."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def _checked(settings: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` with the types that Preset declares, or InvalidInput naming the key that is wrong."""
    known = {field.name: field.type for field in fields(Preset)}
    for key in settings:
        if key not in known:
            raise InvalidInput(f"unknown setting {key!r}, expected one of {', '.join(known)}")
    return {key: converted(f"setting {key}", value, known[key]) for key, value in settings.items()}
