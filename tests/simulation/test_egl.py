"""The OpenGL renderer. Its pictures are compared only where the machine has EGL."""

import subprocess
import sys

import numpy as np
import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import COMPACT, PAPER, Profile
from qtopt_agent.simulation import make_robot


@pytest.mark.parametrize("profile", [COMPACT, PAPER], ids=lambda profile: profile.name)
def test_both_renderers_draw_the_same_picture(profile: Profile) -> None:
    try:
        egl = make_robot(profile, "held-out", (2, 2), renderer="egl")
    except InvalidInput as error:
        pytest.skip(str(error))
    rays = make_robot(profile, "held-out", (2, 2))
    for seed in range(3):  # every reset brings new shapes
        difference = np.abs(egl.reset(seed).image.astype(int) - rays.reset(seed).image)
        assert difference.mean() < 0.5 and np.percentile(difference, 99) <= 3


def test_a_machine_without_egl_is_told_which_packages_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mujoco.egl", None)  # importing it fails
    with pytest.raises(InvalidInput, match="apt install libegl1 libgl1-mesa-dri"):
        make_robot(COMPACT, renderer="egl")


def test_opengl_is_loaded_only_when_asked_for() -> None:
    code = "import sys, qtopt_agent.simulation.environment; sys.exit('OpenGL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_unknown_renderer_is_refused() -> None:
    with pytest.raises(InvalidInput, match="renderer 'vulkan': expected 'rays' or 'egl'"):
        make_robot(COMPACT, renderer="vulkan")
