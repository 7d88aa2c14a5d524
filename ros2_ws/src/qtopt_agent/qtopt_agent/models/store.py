"""Released models: one folder a version, complete or absent. A folder brings numbers; the code is this package's."""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file
from torch import Tensor

from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.policy import Policy
from qtopt_agent.core.profile import Profile
from qtopt_agent.documents.text_file import MAX_BYTES
from qtopt_agent.models.build import acting, build_policy, build_q, build_search
from qtopt_agent.models.files import read_bytes
from qtopt_agent.models.manifest import (
    FORMAT,
    MANIFEST,
    POLICY,
    SEARCH_FIELDS,
    VERSION,
    WEIGHTS,
    Manifest,
    ModelSpec,
    parse_manifest,
)
from qtopt_agent.models.signatures import SIGNATURE, TrustedKeys, check_signature, read_key, write_signature
from qtopt_agent.models.weights import most_bytes, parse_weights
from qtopt_agent.policies import export_policy, load_policy
from qtopt_agent.policies.scripted_module import DeployableMaximizer, specification
from qtopt_agent.q_functions import QFunction

MAX_POLICY = 256 * 1024**2  # bytes
TRIALS = 3
"""Observations on which the exported policy must act as the one built from weights."""


@dataclass(frozen=True)
class Listed:
    """One folder of a store; `manifest` is None where it is broken, and `reason` says why."""

    folder: Path
    manifest: Manifest | None
    reason: str = ""


def publish(
    store: Path,
    version: str,
    profile: Profile,
    q: QFunction,
    maximizer: DeployableMaximizer,
    training: dict[str, Any],
    mirrored: bool = False,
) -> Path:
    """Write model `version` into the folder `store` by one rename, and return its folder.

    `mirrored` lets the policy average `q` over the task's mirror images (see MirroredQFunction).

    `training` says where the weights come from: commands, data, steps, seed. Raises InvalidInput if the version exists
    or its name is no plain folder name, IncompatibleModel if the policy fails its self-test, or if what is built from
    the files does not act as `q` and `maximizer` do.
    """
    if not re.fullmatch(VERSION, version):
        raise InvalidInput(f"model version is {version!r}, expected a plain folder name: {VERSION}")
    target = store / version
    if target.exists():
        raise InvalidInput(f"model {target} exists already; a published version never changes")
    partial = store / f".partial-{version}-{os.getpid()}"
    partial.mkdir(parents=True)
    try:
        export_policy(acting(q, profile, mirrored), profile, partial / POLICY, maximizer)
        save_file({name: value.contiguous() for name, value in q.state_dict().items()}, partial / WEIGHTS)
        (partial / WEIGHTS).chmod((partial / POLICY).stat().st_mode)  # safetensors makes files for the owner alone
        manifest = {
            "format": FORMAT,
            "version": version,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "profile": profile.name,
            "camera": profile.camera,
            "specification": specification(profile),
            "network": {
                "name": profile.network,
                "kind": q.kind,
                "risk": q.risk,
                "risk_level": q.risk_level,
                "aux_size": q.aux_size,
                "parameters": _count(q),
                "mirrored": mirrored,
            },
            SEARCH_FIELDS[FORMAT]: maximizer.settings(),
            "training": training,
            "evaluations": [],
            "sha256": {name: _sha256((partial / name).read_bytes()) for name in (POLICY, WEIGHTS)},
        }
        _write_manifest(partial, manifest)
        built = _open(partial, version).policy()
        _compare(built, load_policy(partial / POLICY, profile), profile, partial)
        os.rename(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def describe(folder: Path) -> Manifest:
    """The manifest of a model folder. Raises IncompatibleModel, naming the field, if it is not one of this format."""
    return _parse(folder, _read(folder), folder.resolve().name)[0]


def verify(folder: Path, trusted: TrustedKeys | None = None) -> Manifest:
    """The manifest, after comparing with it every file's hash, the specification and all weights' names and shapes.

    With `trusted`, one of these keys must have signed it. Nothing of the folder is run. Raises IncompatibleModel.
    """
    return _open(folder, folder.resolve().name, trusted=trusted).manifest


def profile_of(folder: Path) -> Profile:
    """What a model sees and does, verified as `verify` does. Raises IncompatibleModel."""
    return _open(folder, folder.resolve().name).spec.profile


def load(folder: Path, profile: Profile | None = None, trusted: TrustedKeys | None = None) -> Policy:
    """The policy built from a model's weights, verified and tried out; its name is the version.

    No code from the folder is run: policy.pt is not loaded. Raises IncompatibleModel if anything does not fit, the
    model is of another profile than `profile`, or none of the keys `trusted` has signed it.
    """
    return _open(folder, folder.resolve().name, profile, trusted).policy()


def load_policy_pt(folder: Path, profile: Profile | None = None) -> Policy:
    """The policy in a model's policy.pt, verified. TorchScript is code, and this runs it: only for files you trust.

    Raises IncompatibleModel as `load` does.
    """
    opened = _open(folder, folder.resolve().name, profile)
    policy = load_policy(folder / POLICY, opened.spec.profile, name=opened.manifest["version"])
    _self_test(policy, opened.spec.profile, folder)
    return policy


def list_models(store: Path) -> list[Listed]:
    """Model folders in `store`: the broken ones, then the others, oldest first.

    Raises InvalidInput if there is no such folder.
    """
    if not os.path.isdir(store):
        raise InvalidInput(f"there is no folder of models at {store}")
    found = [_listed(path.parent) for path in store.glob(f"[!.]*/{MANIFEST}")]
    return sorted(found, key=lambda each: (_created(each), each.folder.name))


def latest(store: Path) -> Path:
    """The newest model in `store` with a manifest that can be read. Raises InvalidInput if there is none."""
    models = [each.folder for each in list_models(store) if each.manifest]
    if not models:
        raise InvalidInput(f"there is no model in {store}")
    return models[-1]


def sign(folder: Path, key: Path) -> str:
    """Sign a model, once it is verified, with the private key in a file, and return the public key.

    Raises IncompatibleModel or InvalidInput.
    """
    private = read_key(key)
    return write_signature(folder, _open(folder, folder.resolve().name).data, private)


def check_recordable(folder: Path) -> None:
    """Raises InvalidInput if the model is signed: an evaluation would change what was signed."""
    if os.path.exists(folder / SIGNATURE):
        raise InvalidInput(f"{folder} is signed, and what is signed does not change: record first, then sign")


def model_in(folder: Path) -> Path:
    """`folder` if it is a model, else the newest in it. Raises InvalidInput if there is none."""
    return folder if os.path.exists(folder / MANIFEST) else latest(folder)


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
        _write_manifest(folder, manifest)
    finally:
        os.close(alone)


@dataclass(frozen=True)
class _Opened:
    """A folder whose files fit one another, as they were read once."""

    folder: Path
    data: bytes  # of the manifest
    manifest: Manifest
    spec: ModelSpec
    q: QFunction
    weights: Mapping[str, Tensor]

    def policy(self) -> Policy:
        """Built and tried out."""
        try:
            policy = build_policy(self.spec, self.q, self.weights, self.manifest["version"])
            _self_test(policy, self.spec.profile, self.folder)
        except InvalidInput as error:
            raise IncompatibleModel(f"{self.folder}: {error}") from error
        return policy


def _read(folder: Path) -> bytes:
    try:
        return read_bytes(folder / MANIFEST, MAX_BYTES)
    except IncompatibleModel as error:
        raise IncompatibleModel(f"{folder} is not a model: {error}") from error


def _parse(folder: Path, data: bytes, version: str) -> tuple[Manifest, ModelSpec]:
    manifest, spec = parse_manifest(data, folder / MANIFEST)
    if manifest["version"] != version:
        raise IncompatibleModel(f"{folder / MANIFEST}: version is {manifest['version']}, the folder's is {version}")
    return manifest, spec


def _open(folder: Path, version: str, profile: Profile | None = None, trusted: TrustedKeys | None = None) -> _Opened:
    data = _read(folder)
    if trusted is not None:
        check_signature(folder, data, trusted)
    manifest, spec = _parse(folder, data, version)
    if profile is not None and profile != spec.profile:
        raise IncompatibleModel(f"{folder} is of profile {spec.profile.name}, expected {profile.name}")
    try:
        q = build_q(spec)
        build_search(spec.profile, spec.search)
    except InvalidInput as error:
        raise IncompatibleModel(f"{folder / MANIFEST}: {error}") from error
    if manifest["network"]["parameters"] != _count(q):
        stated = manifest["network"]["parameters"]
        raise IncompatibleModel(f"{folder / MANIFEST}: network.parameters is {stated}, this network has {_count(q)}")
    wanted = q.state_dict()
    contents = {}
    for name, most in ((WEIGHTS, most_bytes(wanted)), (POLICY, MAX_POLICY)):
        contents[name] = read_bytes(folder / name, most)
        if (found := _sha256(contents[name])) != (expected := manifest["sha256"][name]):
            raise IncompatibleModel(f"{folder / name}: sha256 is {found}, the manifest says {expected}")
    return _Opened(folder, data, manifest, spec, q, parse_weights(contents[WEIGHTS], wanted, folder / WEIGHTS))


def _listed(folder: Path) -> Listed:
    try:
        return Listed(folder, describe(folder))
    except IncompatibleModel as error:
        return Listed(folder, None, str(error))


def _created(listed: Listed) -> datetime:
    if listed.manifest is None:
        return datetime.min.replace(tzinfo=UTC)
    return datetime.fromisoformat(listed.manifest["created"])


def _self_test(policy: Policy, profile: Profile, folder: Path) -> None:
    """A decision on a blank image must be finite and a valid action."""
    shape = (*profile.observation.image_size, 3)
    blank = Observation(np.zeros(shape, np.uint8), np.zeros(profile.observation.state_size, np.float32), 0.0)
    decision = policy.decide(blank, np.random.default_rng(0))
    if not np.isfinite(decision.q) or not np.isfinite(decision.action).all():
        raise IncompatibleModel(f"{folder}: Q or action on a blank image is not finite")
    valid = profile.action_space.project(decision.action)
    if not np.allclose(valid, decision.action, atol=1e-5):
        raise IncompatibleModel(f"{folder}: action {decision.action.tolist()} is outside the action space")


def _compare(built: Policy, exported: Policy, profile: Profile, folder: Path) -> None:
    """What the manifest and the weights make must be the policy that was given, to the bit."""
    rng = np.random.default_rng(0)
    for seed in range(TRIALS):
        image = rng.integers(0, 256, (*profile.observation.image_size, 3), dtype=np.uint8)
        seen = Observation(image, rng.random(profile.observation.state_size, dtype=np.float32), 0.0)
        ours, theirs = (policy.decide(seen, np.random.default_rng(seed)) for policy in (built, exported))
        if ours.q != theirs.q or not np.array_equal(ours.action, theirs.action):
            raise IncompatibleModel(f"{folder}: the policy has parts that a manifest has no field for")


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    data = (json.dumps(manifest, indent=2) + "\n").encode()
    parse_manifest(data, folder / MANIFEST)  # nobody is given one that cannot be read
    temporary = folder / f".{MANIFEST}-{os.getpid()}"
    with temporary.open("xb") as file:
        file.write(data)
    os.replace(temporary, folder / MANIFEST)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _count(q: QFunction) -> int:
    return sum(parameter.numel() for parameter in q.parameters())
