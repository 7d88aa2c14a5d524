"""One model: a folder, complete or absent. It brings numbers; the code is this package's."""

import fcntl
import os
from pathlib import Path
from typing import Any

import torch

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.policy import Policy
from qtopt_agent.core.profile import Profile
from qtopt_agent.models.manifest import POLICY, Manifest, write_manifest
from qtopt_agent.models.opened import open_model, parse, read_manifest, self_test
from qtopt_agent.models.signatures import SIGNATURE, TrustedKeys, read_key, write_signature
from qtopt_agent.policies import load_policy
from qtopt_agent.processes.device import CPU


def describe(folder: Path) -> Manifest:
    """The manifest of a model folder. Raises IncompatibleModel, naming the field, if it is not one of this format."""
    return parse(folder, read_manifest(folder))[0]


def verify(folder: Path, trusted: TrustedKeys | None = None) -> Manifest:
    """The manifest, after comparing with it every file's hash, the specification and all weights' names and shapes.

    With `trusted`, one of these keys must have signed it. Nothing of the folder is run. Raises IncompatibleModel.
    """
    return open_model(folder, trusted=trusted).manifest


def profile_of(folder: Path) -> Profile:
    """What a model sees and does, verified as `verify` does. Raises IncompatibleModel."""
    return open_model(folder).spec.profile


def load(
    folder: Path, profile: Profile | None = None, trusted: TrustedKeys | None = None, device: torch.device = CPU
) -> Policy:
    """The policy built from a model's weights, verified and tried out; its name is the version.

    No code from the folder is run: policy.pt is not loaded. Raises IncompatibleModel if anything does not fit, the
    model is of another profile than `profile`, or none of the keys `trusted` has signed it.
    """
    return open_model(folder, profile, trusted).policy(device)


def load_policy_pt(folder: Path, profile: Profile | None = None, device: torch.device = CPU) -> Policy:
    """The policy in a model's policy.pt, verified. TorchScript is code, and this runs it: only for files you trust.

    Raises IncompatibleModel as `load` does.
    """
    opened = open_model(folder, profile)
    policy = load_policy(folder / POLICY, opened.spec.profile, name=opened.manifest["version"], device=device)
    self_test(policy, opened.spec.profile, folder)
    return policy


def sign(folder: Path, key: Path) -> str:
    """Sign a model, once it is verified, with the private key in a file, and return the public key.

    Raises IncompatibleModel or InvalidInput.
    """
    private = read_key(key)
    return write_signature(folder, open_model(folder).data, private)


def check_recordable(folder: Path) -> None:
    """Raises InvalidInput if the model is signed: an evaluation would change what was signed."""
    if os.path.exists(folder / SIGNATURE):
        raise InvalidInput(f"{folder} is signed, and what is signed does not change: record first, then sign")


def record_evaluation(folder: Path, result: dict[str, Any]) -> None:
    """Add an evaluation's numbers to a model's manifest, by atomic rename.

    Raises IncompatibleModel where they are none, and as `check_recordable`.
    """
    check_recordable(folder)
    alone = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(alone, fcntl.LOCK_EX)  # of two that are recorded at once, none is lost
        manifest = describe(folder)
        manifest["evaluations"].append(result)
        write_manifest(folder, manifest)
    finally:
        os.close(alone)
