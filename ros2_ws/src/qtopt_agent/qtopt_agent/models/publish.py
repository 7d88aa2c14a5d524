"""Making a model of a network: all its files, tried out before anybody sees them."""

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
from qtopt_agent.core.profile import Profile
from qtopt_agent.models.build import acting, count_parameters
from qtopt_agent.models.files import sha256
from qtopt_agent.models.manifest import FORMAT, POLICY, SEARCH_FIELDS, VERSION, WEIGHTS, Manifest, write_manifest
from qtopt_agent.models.opened import open_model
from qtopt_agent.policies import export_policy, load_policy
from qtopt_agent.policies.scripted_module import DeployableMaximizer, specification
from qtopt_agent.q_functions import QFunction

TRIALS = 3
"""Observations on which the exported policy must act as the one built from weights."""


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
        hashes = {name: sha256((partial / name).read_bytes()) for name in (POLICY, WEIGHTS)}
        write_manifest(partial, _manifest(version, profile, q, mirrored, maximizer, training, hashes))
        built = open_model(partial, version=version).policy()
        _compare(built, load_policy(partial / POLICY, profile), profile, partial)
        os.rename(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _manifest(
    version: str,
    profile: Profile,
    q: QFunction,
    mirrored: bool,
    maximizer: DeployableMaximizer,
    training: dict[str, Any],
    hashes: dict[str, str],
) -> Manifest:
    return {
        "format": FORMAT,
        "version": version,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "profile": profile.name,
        "cell": profile.cell.grouped(),
        "specification": specification(profile),
        "network": {
            "name": profile.network,
            "kind": q.kind,
            "risk": q.risk,
            "risk_level": q.risk_level,
            "aux_size": q.aux_size,
            "parameters": count_parameters(q),
            "mirrored": mirrored,
        },
        SEARCH_FIELDS[FORMAT]: maximizer.settings(),
        "training": training,
        "evaluations": [],
        "sha256": hashes,
    }


def _compare(built: Policy, exported: Policy, profile: Profile, folder: Path) -> None:
    """What the manifest and the weights make must be the policy that was given, to the bit."""
    rng = np.random.default_rng(0)
    for seed in range(TRIALS):
        image = rng.integers(0, 256, (*profile.observation.image_size, 3), dtype=np.uint8)
        seen = Observation(image, rng.random(profile.observation.state_size, dtype=np.float32), 0.0)
        ours, theirs = (policy.decide(seen, np.random.default_rng(seed)) for policy in (built, exported))
        if ours.q != theirs.q or not np.array_equal(ours.action, theirs.action):
            raise IncompatibleModel(f"{folder}: the policy has parts that a manifest has no field for")
