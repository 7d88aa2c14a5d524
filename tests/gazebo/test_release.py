"""Gazebo is found by the name that its release goes by."""

import os
from pathlib import Path

import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.gazebo.release import FORTRESS, HARMONIC, find_release


def installed(folder: Path, *programs: str, version: str = "") -> dict[str, str]:
    for program in programs:
        (folder / program).touch(mode=0o755)
    return {"PATH": str(folder), "GZ_VERSION": version}


def test_the_newer_one_is_taken_where_both_are(tmp_path: Path) -> None:
    assert find_release(installed(tmp_path, "ign")) is FORTRESS
    assert find_release(installed(tmp_path, "ign", "gz")) is HARMONIC


def test_the_variable_decides_as_it_does_for_the_bridge(tmp_path: Path) -> None:
    assert find_release(installed(tmp_path, "ign", "gz", version="fortress")) is FORTRESS
    assert find_release(installed(tmp_path, "ign", "gz", version="harmonic")) is HARMONIC


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="`gz sim` or `ign gazebo` is not on the PATH"):
        find_release({"PATH": str(tmp_path)})
    with pytest.raises(InvalidInput, match="Gazebo Fortress is not installed: `ign gazebo`"):
        find_release(installed(tmp_path, "gz", version="fortress"))


def test_a_world_is_served_without_a_window(tmp_path: Path) -> None:
    assert HARMONIC.serve(tmp_path / "cell.sdf")[:2] == ["gz", "sim"]
    assert FORTRESS.serve(tmp_path / "cell.sdf") == [
        "ign", "gazebo", "-s", "-r", "--headless-rendering", f"{tmp_path}{os.sep}cell.sdf"
    ]  # fmt: skip
