"""What the package needs beside its code is found in a checkout, and in every kind of installation."""

import os
import shutil
import subprocess
import sys
from distutils.core import run_setup
from pathlib import Path

import pytest
import setuptools  # noqa: F401  # brings distutils, which Python 3.12 and later lack

import qtopt_agent
from qtopt_agent.core.shared_files import shared

CODE = Path(qtopt_agent.__file__).parent
NEEDED = (
    "config/arms/mujoco.yaml",
    "config/sros2_policy.xml",
    "launch/grasp.launch.py",
    "models/compact-1/manifest.json",
    "models/compact-1/q.safetensors",
    "models/compact-1/policy.pt",
)
ASK = "from qtopt_agent.models.released import find_model; print(find_model('compact-1').resolve())"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A prefix with the code and the files that setup.py names, as pip and colcon place them."""
    monkeypatch.chdir(CODE.parent)
    for folder, files in run_setup("setup.py", stop_after="init").data_files:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(file, tmp_path / folder)
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    shutil.copytree(CODE, tmp_path / "lib" / python / "site-packages" / "qtopt_agent")
    return tmp_path


def ask(packages: Path) -> Path:
    environment = os.environ | {"PYTHONPATH": str(packages)}
    told = subprocess.run(
        [sys.executable, "-c", ASK], env=environment, cwd="/", capture_output=True, text=True, check=True
    )
    return Path(told.stdout.strip())


@pytest.mark.parametrize("file", NEEDED)
def test_a_checkout_has_them(file: str) -> None:
    assert shared(file).is_file()


def test_an_installation_has_them_and_uses_its_own(installed: Path) -> None:
    assert [file for file in NEEDED if not (installed / "share/qtopt_agent" / file).is_file()] == []
    (packages,) = installed.glob("lib/*/site-packages")
    assert ask(packages) == installed / "share/qtopt_agent/models/compact-1"


def test_a_linked_installation_uses_those_of_the_checkout(tmp_path: Path) -> None:
    (tmp_path / "qtopt_agent").symlink_to(CODE)
    assert ask(tmp_path) == (CODE.parent / "models/compact-1").resolve()
