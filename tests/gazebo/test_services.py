"""Gazebo's command line is asked in the words of its release, and its refusals are told."""

from pathlib import Path

import pytest

from qtopt_agent.gazebo.release import FORTRESS, HARMONIC
from qtopt_agent.gazebo.services import GazeboError, Services


def pretend(folder: Path, monkeypatch: pytest.MonkeyPatch, program: str, script: str) -> Path:
    """A `program` that writes down its arguments and does `script`."""
    file = folder / program
    file.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {folder}/asked\n{script}\n')
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder / "asked"


def test_models_come_and_go_by_services_of_the_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = pretend(tmp_path, monkeypatch, "gz", "echo data: true")
    Services(HARMONIC).create(Path("/a b/objects.sdf"))
    words = asked.read_text().splitlines()
    assert words[:3] == ["service", "-s", "/world/qtopt/create"]
    assert "gz.msgs.EntityFactory" in words and words[-1] == 'sdf_filename: "/a b/objects.sdf"'
    Services(HARMONIC).remove("objects")
    assert asked.read_text().splitlines()[-1] == 'name: "objects", type: MODEL'


def test_another_release_goes_by_other_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = pretend(tmp_path, monkeypatch, "ign", "echo data: true")
    Services(FORTRESS).remove("objects")
    assert {"ignition.msgs.Entity", "ignition.msgs.Boolean"} <= set(asked.read_text().splitlines())


def test_a_lost_answer_is_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = f"[ -e {tmp_path}/second ] && echo data: true || echo Service call timed out; touch {tmp_path}/second"
    pretend(tmp_path, monkeypatch, "gz", lost)
    Services(HARMONIC).remove("objects")


@pytest.mark.parametrize(
    ("script", "said"),
    [("echo data: false", "data: false"), ("true", "no answer"), ("echo broken >&2; exit 3", "broken")],
)
def test_a_refusal_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, said: str) -> None:
    pretend(tmp_path, monkeypatch, "gz", script)
    with pytest.raises(GazeboError, match=said):
        Services(HARMONIC).remove("objects")
