"""Everything a training run is made from, in one small YAML file."""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any

from qtopt_agent.cells.cell_file import load_cell, make_cell
from qtopt_agent.core.cell import Cell
from qtopt_agent.core.clutter import check_clutter
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.looks import PLAIN, Looks
from qtopt_agent.core.nested_settings import by_full_name, grouped, settings_of
from qtopt_agent.core.profile import Profile, get_profile
from qtopt_agent.core.ranges import converted
from qtopt_agent.documents import parse_yaml, read_yaml
from qtopt_agent.learning.settings import (
    UNCHANGED,
    AugmentationSettings,
    CollectionSettings,
    Count,
    ExplorationSettings,
    HousekeepingSettings,
    LossSettings,
    MaximizerSettings,
    OptimizerSettings,
    QFunctionSettings,
    ReplaySettings,
    TargetSettings,
)
from qtopt_agent.q_functions.factory import NETWORKS

_FOLDER = Path(__file__).parent / "presets"
_ELITES_FROM_SAMPLES = ("cem", "icem", "gradient", "policy_weights")
# What a checkpoint and its replay store fit.
_FIXED = (
    *("profile", "cell", "q_function.kind", "optimizer.kind", "target.kind"),
    *("replay.capacity", "replay.gigabytes", "augmentation.random_crop"),
)


@dataclass(frozen=True)
class Preset:
    """Settings of one training run. Schedules run with progress = step / `steps`, not with time.

    Discount and rewards come from the profile, and so does the cell unless one is given; as a setting, `cell` is a
    name, a file or all of a cell's settings. Raises InvalidInput, naming the setting, where one is out of its range or
    two do not go together.
    """

    profile: Annotated[str, "compact, detailed, lowdim or paper: what is seen and done, and the network"]
    steps: Annotated[Count, "gradient steps of the run"]
    optimizer: OptimizerSettings
    q_function: QFunctionSettings
    maximizer: MaximizerSettings
    target: TargetSettings
    loss: LossSettings
    replay: ReplaySettings
    exploration: ExplorationSettings
    collection: CollectionSettings
    housekeeping: HousekeepingSettings
    augmentation: AugmentationSettings = UNCHANGED
    looks: Looks = PLAIN
    cell: Cell | None = None

    def __post_init__(self) -> None:
        _checked(self.settings())
        profile, search, kind = self.acting_profile(), self.maximizer, self.q_function.kind
        if search.kind in _ELITES_FROM_SAMPLES:
            for name in ("cem_samples", "evaluation_samples"):
                if (samples := getattr(search, name)) < search.cem_elites:
                    raise InvalidInput(
                        f"setting maximizer.{name} is {samples}, expected at least cem_elites, {search.cem_elites}"
                    )
        if search.kind == "proposal" and kind not in ("naf", "actor_critic"):
            raise InvalidInput(f"setting maximizer.kind is 'proposal': a {kind} q_function proposes no actions")
        if len(search.grid_levels) < 2:
            raise InvalidInput(f"setting maximizer.grid_levels is {search.grid_levels}, expected two or more numbers")
        check_clutter(self.collection.clutter, "setting collection.clutter")
        if kind == "quantile" and (correction := self.target.n_step_correction) != "none":
            raise InvalidInput(
                f"setting target.n_step_correction is {correction!r}: not for a quantile head, expected none"
            )
        if self.loss.mask_weight and (kind != "scalar" or not NETWORKS[profile.network].mask_size):
            raise InvalidInput(
                f"setting loss.mask_weight is {self.loss.mask_weight}: expected 0, for a {kind} {profile.network} "
                "network has no masks"
            )
        margin, cell = self.collection.lift_margin, profile.cell
        room = cell.workspace.high[2] - cell.bin.position[2] - cell.attempt.lift_height
        if margin > room + 1e-9:
            raise InvalidInput(
                f"setting collection.lift_margin is {margin}, expected at most what the cell's workspace has above its "
                f"lift height, {room:.3f}"
            )
        self._check_crop(profile)
        if 0 < (capacity := self.replay.capacity) <= profile.max_steps:
            raise InvalidInput(
                f"setting replay.capacity is {capacity}, expected more than an episode's {profile.max_steps} steps"
            )

    def _check_crop(self, profile: Profile) -> None:
        if not self.augmentation.random_crop:
            return
        if not profile.has_camera:
            raise InvalidInput(f"setting augmentation.random_crop is true: profile {profile.name} has no camera")
        camera = profile.cell.camera
        if camera.window(profile.observation.image_size)[2:] == (camera.width, camera.height):
            raise InvalidInput(
                "setting augmentation.random_crop is true: expected a cell with a crop smaller than its camera's "
                f"{camera.width}x{camera.height} px"
            )
        if self.loss.mask_weight:
            raise InvalidInput("setting augmentation.random_crop is true: masks (loss.mask_weight) go with one crop")

    def settings(self) -> dict[str, Any]:
        """All values but the cell's, by full name."""
        return {name: attrgetter(name)(self) for name in SETTINGS}

    def acting_profile(self) -> Profile:
        """What is seen and done, and in which cell. Raises InvalidInput on an unknown profile."""
        profile = get_profile(self.profile)
        return profile if self.cell is None else replace(profile, cell=self.cell)

    def kept_profile(self) -> Profile:
        """The acting profile with the pictures that the replay keeps: the camera's whole frames for random crops."""
        profile = self.acting_profile()
        return profile.whole_frames() if self.augmentation.random_crop else profile

    def to_json(self) -> dict[str, Any]:
        """Plain values, in groups, that `make_preset` takes."""
        return asdict(self) | {"cell": self.cell and self.cell.grouped()}

    def changed(self, /, **settings: Any) -> "Preset":
        """A copy with `settings` by name, full or short. Raises InvalidInput."""
        cell = _cell(settings.pop("cell"), "setting cell") if "cell" in settings else self.cell
        return _made(self.settings() | by_full_name(settings, SETTINGS), cell)

    def override(self, assignments: list[str]) -> "Preset":
        """A copy with "key=value" settings; values are YAML. Raises InvalidInput on an unknown key."""
        changes = {}
        for assignment in assignments:
            key, separator, value = assignment.partition("=")
            if not separator:
                raise InvalidInput(f"setting {assignment!r}: expected key=value")
            changes[key] = parse_yaml(value, f"setting {assignment!r}")
        return self.changed(**changes)

    def check_goes_on(self, run: "Preset") -> None:
        """Raises InvalidInput, naming the setting, where a run that began with `run` cannot go on with this preset."""
        was, asked = run.settings() | {"cell": run.cell}, self.settings() | {"cell": self.cell}
        predicts = "loss.auxiliary_weight"
        names = _FIXED if bool(was[predicts]) == bool(asked[predicts]) else (*_FIXED, predicts)
        for name in names:
            if was[name] != asked[name]:
                raise InvalidInput(
                    f"setting {name} is {was[name]!r} in this run, {asked[name]!r} was asked for: start a new run for "
                    "that"
                )


SETTINGS = {name: field for name, field in settings_of(Preset).items() if name != "cell"}
"""Every setting by its full name, but the cell, which has settings of its own."""


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
    """The preset with these `settings`, in groups or not; `name` is what errors call it. Raises InvalidInput."""
    try:
        cell = _cell(settings.get("cell"), "cell")
        values = by_full_name({key: value for key, value in settings.items() if key != "cell"}, SETTINGS)
        missing = [full for full, field in SETTINGS.items() if field.default is MISSING and full not in values]
        if not missing:
            return _made(values, cell)
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error}") from error
    raise InvalidInput(f"{name} lacks {', '.join(missing)}")


def preset_names() -> list[str]:
    """Names of the shipped presets."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def _made(values: Mapping[str, Any], cell: Cell | None) -> Preset:
    """The preset with `values` by full name. Raises InvalidInput."""
    return Preset(**grouped(Preset, _checked(values)), cell=cell)


def _cell(said: Any, name: str) -> Cell | None:
    if said is None or isinstance(said, Cell):
        return said
    return load_cell(said) if isinstance(said, str) else make_cell(said, name)


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` by full name, with the types that are declared. Raises InvalidInput."""
    return {name: converted(f"setting {name}", value, SETTINGS[name].type) for name, value in values.items()}
