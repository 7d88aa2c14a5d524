"""MuJoCo, whatever MUJOCO_GL says: nothing here needs the OpenGL that it picks, and this machine may lack it."""

import os

try:
    import mujoco
except (AttributeError, ImportError, OSError, RuntimeError):  # PyOpenGL's ways to miss a library, MuJoCo's to say so
    os.environ["MUJOCO_GL"] = "disable"
    import mujoco

__all__ = ["mujoco"]
