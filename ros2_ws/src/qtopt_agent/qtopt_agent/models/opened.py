"""A model's files, read once and checked against one another before anything is made of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.policy import Policy
from qtopt_agent.core.profile import Profile
from qtopt_agent.documents.text_file import MAX_BYTES
from qtopt_agent.models.build import build_policy, build_q, build_search, count_parameters
from qtopt_agent.models.files import read_bytes, sha256
from qtopt_agent.models.manifest import MANIFEST, POLICY, WEIGHTS, Manifest, ModelSpec, parse_manifest
from qtopt_agent.models.signatures import TrustedKeys, check_signature
from qtopt_agent.models.weights import most_bytes, parse_weights
from qtopt_agent.processes.device import CPU
from qtopt_agent.q_functions import QFunction

MAX_POLICY = 256 * 1024**2  # bytes


@dataclass(frozen=True)
class OpenedModel:
    """A folder whose files fit one another, as they were read once."""

    folder: Path
    data: bytes  # of the manifest
    manifest: Manifest
    spec: ModelSpec
    q: QFunction
    weights: Mapping[str, Tensor]

    def policy(self, device: torch.device = CPU) -> Policy:
        """Built and tried out on `device`."""
        try:
            policy = build_policy(self.spec, self.q, self.weights, self.manifest["version"], device)
            self_test(policy, self.spec.profile, self.folder)
        except InvalidInput as error:
            raise IncompatibleModel(f"{self.folder}: {error}") from error
        return policy


def read_manifest(folder: Path) -> bytes:
    """The bytes of a model's manifest. Raises IncompatibleModel where there are none, or too many."""
    try:
        return read_bytes(folder / MANIFEST, MAX_BYTES)
    except IncompatibleModel as error:
        raise IncompatibleModel(f"{folder} is not a model: {error}") from error


def parse(folder: Path, data: bytes, version: str = "") -> tuple[Manifest, ModelSpec]:
    """What `data`, the manifest in `folder`, says and describes.

    version: what it has to be; by default as the folder is called. Raises IncompatibleModel, naming the field.
    """
    expected = version or folder.resolve().name
    manifest, spec = parse_manifest(data, folder / MANIFEST)
    if manifest["version"] != expected:
        raise IncompatibleModel(f"{folder / MANIFEST}: version is {manifest['version']}, the folder's is {expected}")
    return manifest, spec


def open_model(
    folder: Path, profile: Profile | None = None, trusted: TrustedKeys | None = None, version: str = ""
) -> OpenedModel:
    """Read and compare all files. No code from the folder is run.

    With `profile`, the model has to be of that one; with `trusted`, one of these keys has signed it; `version` as for
    `parse`. Raises IncompatibleModel.
    """
    data = read_manifest(folder)
    if trusted is not None:
        check_signature(folder, data, trusted)
    manifest, spec = parse(folder, data, version)
    if profile is not None and profile != spec.profile:
        other = spec.profile.cell.differences(profile.cell) if spec.profile.name == profile.name else ()
        what = f"another cell: {'; '.join(other)}" if other else f"profile {spec.profile.name}, expected {profile.name}"
        raise IncompatibleModel(f"{folder} is of {what}")
    try:
        q = build_q(spec)
        build_search(spec.profile, spec.search)
    except InvalidInput as error:
        raise IncompatibleModel(f"{folder / MANIFEST}: {error}") from error
    if manifest["network"]["parameters"] != count_parameters(q):
        stated = manifest["network"]["parameters"]
        raise IncompatibleModel(
            f"{folder / MANIFEST}: network.parameters is {stated}, this network has {count_parameters(q)}"
        )
    wanted = q.state_dict()
    contents = {}
    for name, most in ((WEIGHTS, most_bytes(wanted)), (POLICY, MAX_POLICY)):
        contents[name] = read_bytes(folder / name, most)
        if (found := sha256(contents[name])) != (expected := manifest["sha256"][name]):
            raise IncompatibleModel(f"{folder / name}: sha256 is {found}, the manifest says {expected}")
    return OpenedModel(folder, data, manifest, spec, q, parse_weights(contents[WEIGHTS], wanted, folder / WEIGHTS))


def self_test(policy: Policy, profile: Profile, folder: Path) -> None:
    """Raises IncompatibleModel, about `folder`, unless a decision on a blank image is finite and a valid action."""
    shape = (*profile.observation.image_size, 3)
    blank = Observation(np.zeros(shape, np.uint8), np.zeros(profile.observation.state_size, np.float32), 0.0)
    decision = policy.decide(blank, np.random.default_rng(0))
    if not np.isfinite(decision.q) or not np.isfinite(decision.action).all():
        raise IncompatibleModel(f"{folder}: Q or action on a blank image is not finite")
    valid = profile.action_space.project(decision.action)
    if not np.allclose(valid, decision.action, atol=1e-5):
        raise IncompatibleModel(f"{folder}: action {decision.action.tolist()} is outside the action space")
