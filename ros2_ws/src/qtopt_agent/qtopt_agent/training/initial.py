"""Beginning a run with what a model has learned."""

from pathlib import Path

from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.core.profile import Profile
from qtopt_agent.learning.preset import Preset
from qtopt_agent.models.folder import profile_of
from qtopt_agent.models.opened import open_model
from qtopt_agent.q_functions import QFunction


def in_cell_of(preset: Preset, model: Path) -> Preset:
    """`preset` in the cell that `model` was made for, unless it has one of its own.

    Raises IncompatibleModel where the model is damaged, InvalidInput where it is of another profile.
    """
    profile = profile_of(model)
    if profile.name != preset.profile:
        raise InvalidInput(
            f"{model} is of profile {profile.name}, the preset of {preset.profile}: "
            f"choose a preset of its profile, or --set profile={profile.name}"
        )
    return preset if preset.cell is not None else preset.changed(cell=profile.cell)


def begin_with(network: QFunction, model: Path, profile: Profile) -> str:
    """Give `network` the weights of `model`, its hashes checked; returns the model's version.

    Raises IncompatibleModel where it is damaged, of another profile, for another cell, or of another kind of network.
    """
    opened = open_model(model, profile)
    for name, mine, its in (
        ("q_function.kind", network.kind, opened.q.kind),
        ("outputs of the auxiliary loss (loss.auxiliary_weight)", network.aux_size, opened.q.aux_size),
    ):
        if mine != its:
            raise IncompatibleModel(f"{model}: {name} is {its}, this run's is {mine}")
    network.load_state_dict(dict(opened.weights))
    version: str = opened.manifest["version"]
    return version
