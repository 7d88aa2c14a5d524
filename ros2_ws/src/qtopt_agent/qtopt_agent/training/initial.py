"""Beginning a run: its learner, with what a model has learned where one is given, and what its replay holds."""

import sys
from pathlib import Path

import torch

from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.core.mirrors import ACTION_NAMES, signs
from qtopt_agent.core.profile import Profile
from qtopt_agent.learning.learner import Learner
from qtopt_agent.learning.parts import make_network, training_maximizer
from qtopt_agent.learning.preset import Preset
from qtopt_agent.learning.symmetry import Mirror
from qtopt_agent.models.folder import profile_of
from qtopt_agent.models.opened import open_model
from qtopt_agent.processes.device import CPU, calculates_in_bf16
from qtopt_agent.q_functions import QFunction
from qtopt_agent.q_functions.factory import NETWORKS
from qtopt_agent.replay.spec import StoreSpec
from qtopt_agent.simulation import PRIVILEGED_NAMES, PRIVILEGED_SIZE


def make_learner(
    preset: Preset, seed: int, init: Path | None = None, device: torch.device = CPU
) -> tuple[Learner, str]:
    """A learner on `device` that has done no step, and the version of the model `init` that it begins with, or nothing.

    Raises IncompatibleModel as `begin_with`.
    """
    profile = preset.acting_profile()
    mirrors = [
        Mirror(
            axis,
            signs(ACTION_NAMES, flipped),
            signs(profile.observation.state_names, flipped),
            signs(PRIVILEGED_NAMES, flipped),
        )
        for axis, flipped in profile.mirrors
    ]
    network = make_network(preset, profile, PRIVILEGED_SIZE, seed)
    version = begin_with(network, init, profile) if init is not None else ""
    return Learner(preset, profile, network, training_maximizer(preset, profile), seed, mirrors, device), version


def say_precision(preset: Preset, device: torch.device) -> None:
    """Tell people, once a run, where `device` does not calculate as the preset asks."""
    if preset.optimizer.bf16 and not calculates_in_bf16(device):
        print(f"{device} has no instructions for bfloat16: calculating in float32", file=sys.stderr)


def store_spec(preset: Preset, capacity: int) -> StoreSpec:
    """What a replay store of `capacity` frames holds for `preset`; how large it may be, `with_room` says."""
    profile = preset.kept_profile()
    privileged = PRIVILEGED_SIZE if preset.loss.auxiliary_weight else 0
    masks = NETWORKS[profile.network].mask_size if preset.loss.mask_weight else 0
    return StoreSpec.of(profile, capacity, privileged, masks)


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
