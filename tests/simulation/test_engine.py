"""MuJoCo comes without OpenGL where that cannot be had."""

import os
import subprocess
import sys

CHECK = """
import pkgutil, importlib, qtopt_agent.simulation as simulation
for module in pkgutil.iter_modules(simulation.__path__):
    importlib.import_module(f"qtopt_agent.simulation.{module.name}")
from qtopt_agent.core.profile import COMPACT
print(simulation.make_robot(COMPACT).reset(0).image.shape)
"""


def test_the_simulator_runs_whatever_opengl_is_asked_for():
    for asked in ("bogus", "osmesa"):
        done = subprocess.run(
            [sys.executable, "-c", CHECK], env=os.environ | {"MUJOCO_GL": asked}, capture_output=True, text=True
        )
        assert done.stdout == "(32, 32, 3)\n", done.stderr
