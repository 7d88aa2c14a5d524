"""Gazebo is found by the name that its release goes by."""

import os
from pathlib import Path

import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.gazebo.release import FORTRESS, HARMONIC, find_release


def installed(folder: Path, *commands: str, version: str = "") -> dict[str, str]:
    """An environment in which these commands, as `gz sim`, are all that can be run."""
    for command in commands:
        program, _, server = command.partition(" ")
        file = folder / program
        file.write_text(f'#!/bin/sh\n[ "$1" = "{server}" ] && echo 8.9.0\n')
        file.chmod(0o755)
    return {"PATH": str(folder), "GZ_VERSION": version}


def test_the_newer_one_is_taken_where_both_are(tmp_path: Path) -> None:
    assert find_release(installed(tmp_path, "ign gazebo")) is FORTRESS
    assert find_release(installed(tmp_path, "ign gazebo", "gz sim")) is HARMONIC


def test_the_variable_decides_as_it_does_for_the_bridge(tmp_path: Path) -> None:
    assert find_release(installed(tmp_path, "ign gazebo", "gz sim", version="fortress")) is FORTRESS
    assert find_release(installed(tmp_path, "ign gazebo", "gz sim", version="harmonic")) is HARMONIC


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no `gz sim` or `ign gazebo`"):
        find_release({"PATH": str(tmp_path)})
    with pytest.raises(InvalidInput, match="Gazebo Fortress is not installed: there is no `ign gazebo`"):
        find_release(installed(tmp_path, "gz sim", version="fortress"))


def test_tools_without_the_simulator_and_the_old_gazebo_are_none(tmp_path: Path) -> None:
    assert find_release(installed(tmp_path, "gz gui", "ign gazebo")) is FORTRESS
    with pytest.raises(InvalidInput, match="not installed"):
        find_release(installed(tmp_path, "gz gui", "ign sdf"))


def test_a_world_is_served_without_a_window(tmp_path: Path) -> None:
    assert HARMONIC.serve(tmp_path / "cell.sdf")[:2] == ["gz", "sim"]
    assert FORTRESS.serve(tmp_path / "cell.sdf") == [
        "ign", "gazebo", "-s", "-r", "--headless-rendering", f"{tmp_path}{os.sep}cell.sdf"
    ]  # fmt: skip
