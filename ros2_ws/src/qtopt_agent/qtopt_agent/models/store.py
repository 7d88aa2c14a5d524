"""Released models: one folder a version, complete or absent, checked before anything of it is run."""

import hashlib
import json
import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file

from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.policy import Policy
from qtopt_agent.core.profile import Profile, get_profile
from qtopt_agent.documents import read_json
from qtopt_agent.policies import export_policy, load_policy
from qtopt_agent.policies.scripted_module import DeployableMaximizer, specification
from qtopt_agent.q_functions import MirroredQFunction, QFunction

FORMAT = 2
POLICY, WEIGHTS, MANIFEST = "policy.pt", "q.safetensors", "manifest.json"

SEARCH_FIELDS = {1: "cem", 2: "maximizer"}
"""Formats that are read, with the field in which each says how `act` searches."""

Manifest = dict[str, Any]


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
    or its name is no plain folder name, IncompatibleModel if the policy fails its self-test.
    """
    if not re.fullmatch(r"\w[\w.-]*", version):
        raise InvalidInput(f"model version is {version!r}, expected a plain folder name")
    target = store / version
    if target.exists():
        raise InvalidInput(f"model {target} exists already; a published version never changes")
    partial = store / f".partial-{version}-{os.getpid()}"
    partial.mkdir(parents=True)
    try:
        export_policy(MirroredQFunction(q, profile) if mirrored else q, profile, partial / POLICY, maximizer)
        save_file({name: value.contiguous() for name, value in q.state_dict().items()}, partial / WEIGHTS)
        (partial / WEIGHTS).chmod((partial / POLICY).stat().st_mode)  # safetensors makes files for the owner alone
        manifest = {
            "format": FORMAT,
            "version": version,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "profile": profile.name,
            "camera": profile.camera,
            "specification": specification(profile),
            "network": {"name": profile.network, "aux_size": q.aux_size, "parameters": _count(q), "mirrored": mirrored},
            SEARCH_FIELDS[FORMAT]: maximizer.settings(),
            "training": training,
            "evaluations": [],
            "sha256": {name: _sha256(partial / name) for name in (POLICY, WEIGHTS)},
        }
        _write_manifest(partial, manifest)
        _self_test(load_policy(partial / POLICY, profile), profile, partial)
        os.rename(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def describe(folder: Path) -> Manifest:
    """The manifest of a model folder. Raises IncompatibleModel, naming the field, if it is not one of this format."""
    try:
        manifest = read_json(folder / MANIFEST)
    except InvalidInput as error:
        raise IncompatibleModel(f"not a model: {error}") from error
    found = manifest.get("format") if isinstance(manifest, dict) else type(manifest).__name__
    if found not in tuple(SEARCH_FIELDS):
        raise IncompatibleModel(
            f"{folder / MANIFEST}: format is {found!r}, expected {' or '.join(map(str, SEARCH_FIELDS))}"
        )
    kinds = {
        "version": str,
        "created": str,
        "profile": str,
        "specification": dict,
        "network": dict,
        SEARCH_FIELDS[found]: dict,
        "training": dict,
        "evaluations": list,
        "sha256": dict,
    }
    for field, kind in kinds.items():
        if not isinstance(manifest.get(field), kind):
            raise IncompatibleModel(
                f"{folder / MANIFEST}: {field} is {manifest.get(field)!r}, expected a {kind.__name__}"
            )
    return manifest


def verify(folder: Path) -> Manifest:
    """The manifest, after comparing every file's hash and the specification with it. Raises IncompatibleModel."""
    manifest = describe(folder)
    for name in (POLICY, WEIGHTS):
        expected = manifest["sha256"].get(name)
        if not (folder / name).is_file():
            raise IncompatibleModel(f"{folder} has no {name}")
        if (found := _sha256(folder / name)) != expected:
            raise IncompatibleModel(f"{folder / name}: sha256 is {found}, the manifest says {expected}")
    profile = get_profile(manifest["profile"])
    for field, wanted in specification(profile).items():
        if (found := manifest["specification"].get(field)) != wanted:
            raise IncompatibleModel(f"{folder}: {field} is {found}, profile {profile.name} has {wanted}")
    return manifest


def load(folder: Path, profile: Profile | None = None) -> Policy:
    """The policy of a model folder, verified and tried out; its name is the version.

    Raises IncompatibleModel if hashes or specification do not fit, or the model is of another profile than `profile`.
    """
    manifest = verify(folder)
    own = get_profile(manifest["profile"])
    if profile is not None and profile != own:
        raise IncompatibleModel(f"{folder} is of profile {own.name}, expected {profile.name}")
    policy = load_policy(folder / POLICY, own, name=manifest["version"])
    _self_test(policy, own, folder)
    return policy


def list_models(store: Path) -> list[Path]:
    """Model folders in `store`, oldest first. Raises InvalidInput if there is no such folder."""
    if not store.is_dir():
        raise InvalidInput(f"there is no folder of models at {store}")
    folders = [path.parent for path in store.glob(f"[!.]*/{MANIFEST}")]
    return sorted(folders, key=lambda folder: (describe(folder)["created"], folder.name))


def latest(store: Path) -> Path:
    """The newest model in `store`. Raises InvalidInput if there is none."""
    models = list_models(store)
    if not models:
        raise InvalidInput(f"there is no model in {store}")
    return models[-1]


def record_evaluation(folder: Path, result: dict[str, Any]) -> None:
    """Add an evaluation's numbers to a model's manifest, by atomic rename."""
    manifest = describe(folder)
    manifest["evaluations"].append(result)
    _write_manifest(folder, manifest)


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


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    temporary = folder / f"{MANIFEST}.tmp"
    temporary.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    os.replace(temporary, folder / MANIFEST)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _count(q: QFunction) -> int:
    return sum(parameter.numel() for parameter in q.parameters())
