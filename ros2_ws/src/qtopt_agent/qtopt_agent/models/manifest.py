"""manifest.json: what a model is, and everything that it takes to build its policy again."""

import json
import os
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from qtopt_agent.cells.cell_file import make_cell
from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.core.profile import Profile, get_profile
from qtopt_agent.documents import parse_json
from qtopt_agent.models.fields import Fields
from qtopt_agent.policies.scripted_module import specification
from qtopt_agent.q_functions.factory import KINDS

FORMAT = 4
POLICY, WEIGHTS, MANIFEST = "policy.pt", "q.safetensors", "manifest.json"
VERSION = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}"

Manifest = dict[str, Any]

SEARCH_FIELDS = {1: "cem", 2: "maximizer", 3: "maximizer", 4: "maximizer"}
"""Formats that are read, with the field in which each says how `act` searches."""

MAX_AUXILIARY, MAX_LEVELS = 1000, 100
_SAMPLES, _ITERATIONS = (1, 4096), (1, 100)
_SEARCHES: dict[str, dict[str, tuple[int, int]]] = {
    "cem": {"samples": _SAMPLES, "elites": _SAMPLES, "iterations": _ITERATIONS},
    "icem": {"samples": _SAMPLES, "elites": _SAMPLES, "iterations": _ITERATIONS},
    "cma_es": {"samples": _SAMPLES, "iterations": _ITERATIONS},
    "random": {"samples": _SAMPLES},
    "grid": {},
    "proposal": {},
}
"""The maximisers that a model may have, with their settings' ranges: what they allocate stays small."""


@dataclass(frozen=True)
class ModelSpec:
    """What a policy is built from, beside its weights. search: the maximiser's name and settings."""

    profile: Profile
    kind: str
    risk: str
    risk_level: float
    aux_size: int
    mirrored: bool
    search: dict[str, Any]


def parse_manifest(data: bytes, file: Path) -> tuple[Manifest, ModelSpec]:
    """The manifest in `data`, which was read from `file`, and what it describes.

    Raises IncompatibleModel, naming the field, its value and what was expected.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise IncompatibleModel(f"{file}: byte {error.start} is not UTF-8") from error
    try:
        manifest = parse_json(text, str(file))
    except InvalidInput as error:
        raise IncompatibleModel(str(error)) from error
    try:
        return manifest, _spec(Fields(manifest))
    except InvalidInput as error:
        raise IncompatibleModel(f"{file}: {error}") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Into `folder`, by atomic rename. Raises IncompatibleModel where it could not be read again."""
    data = (json.dumps(manifest, indent=2) + "\n").encode()
    parse_manifest(data, folder / MANIFEST)
    temporary = folder / f".{MANIFEST}-{os.getpid()}"
    with temporary.open("xb") as file:
        file.write(data)
    os.replace(temporary, folder / MANIFEST)


def _spec(fields: Fields) -> ModelSpec:
    number = fields.whole("format", min(SEARCH_FIELDS), max(SEARCH_FIELDS))
    fields.text("version", VERSION, "letters, digits, '_', '-' and '.', at most 100")
    _check_time(fields)
    profile = get_profile(fields.text("profile"))
    whose = f"profile {profile.name}"
    if number >= 4:
        profile = replace(profile, cell=make_cell(fields.any_object("cell"), "cell"))
    else:
        fields.equal("camera", _camera(profile), whose)
    stated = fields.object("specification")
    for name, wanted in specification(profile).items():
        stated.equal(name, wanted, whose)
    stated.no_others()
    network = fields.object("network")
    network.equal("name", profile.network, whose)
    network.whole("parameters", 1, 10**9)
    training = fields.any_object("training")
    # Formats 1 and 2 say of the kind of Q-function only what the preset of its training does.
    q, kind = (network, "kind") if number >= 3 else (_preset(training), "q_function")
    spec = ModelSpec(
        profile,
        q.text(kind, "|".join(KINDS), " or ".join(KINDS)),
        q.text("risk"),
        q.number("risk_level", -100, 100),
        network.whole("aux_size", 0, MAX_AUXILIARY),
        network.flag("mirrored"),
        _search(fields.object(SEARCH_FIELDS[number]), "cem" if number == 1 else ""),
    )
    network.no_others()
    for evaluation in fields.objects("evaluations", 200):
        _check_evaluation(evaluation)
    hashes = fields.object("sha256")
    for name in (POLICY, WEIGHTS):
        hashes.text(name, "[0-9a-f]{64}", "64 hexadecimal digits")
    hashes.no_others()
    fields.no_others()
    return spec


def _camera(profile: Profile) -> str:
    """What formats before 4 said of the cell."""
    if not profile.has_camera:
        return "none"
    return "wrist" if profile.cell.camera.mount == "hand" else "shoulder"


def _check_time(fields: Fields) -> None:
    try:
        aware = datetime.fromisoformat(fields.text("created")).tzinfo is not None
    except ValueError:  # also InvalidInput
        aware = False
    if not aware:
        raise fields.misfit("created", "a time with its zone, as in 2026-11-27T12:00:00+00:00")


def _preset(training: dict[str, Any]) -> Fields:
    preset = Fields(training, "training.").any_object("preset") if "preset" in training else {}
    return Fields({"q_function": "scalar", "risk": "neutral", "risk_level": 0.0} | preset, "training.preset.")


def _search(fields: Fields, name: str) -> dict[str, Any]:
    settings: dict[str, Any] = {"name": name or fields.text("name", "|".join(_SEARCHES), " or ".join(_SEARCHES))}
    for setting, (low, high) in _SEARCHES[settings["name"]].items():
        settings[setting] = fields.whole(setting, low, high)
    if settings["name"] == "grid":
        settings["levels"] = fields.numbers("levels", -1, 1, MAX_LEVELS)
    fields.no_others()
    return settings


def _check_evaluation(fields: Fields) -> None:
    """The figures that tables and messages show."""
    episodes = fields.whole("episodes", 1, 10**9)
    fields.whole("successes", 0, episodes)
    for name in ("success", "wilson_low", "wilson_high"):
        fields.number(name, 0, 1)
    fields.text("objects")
    if len(clutter := fields.numbers("clutter", 0, 1000, 2)) != 2 or clutter != [int(each) for each in clutter]:
        raise fields.misfit("clutter", "the fewest and the most objects in the bin")
