"""Package of the grasping agent: installs with pip and with colcon (ament_python).

Ranges hold for Python 3.11 to 3.14; requirements/*.txt at the top of the repository pin what `make` installs.
On Linux, PyPI's torch brings CUDA with it: `--index-url https://download.pytorch.org/whl/cpu` has the one without.
"""

import os
from glob import glob

from setuptools import find_packages, setup

gazebo = ["scipy>=1.11", "trimesh>=4.9"]
sim = [*gazebo, "mujoco>=3.3", "gymnasium>=1.0", "pillow>=10", "vhacdx>=0.1", "fast-simplification>=0.1.9"]
train = ["simpy>=4.1", "tensorboard>=2.18"]
# Runs the nodes where ROS 2 is not installed; there is no wheel for Python 3.14 yet.
standalone = ["cyclonedds==11.0.1; python_version < '3.14'"]
camera = ["opencv-python-headless>=4.6,<5", "pillow>=10"]  # version 5 of OpenCV breaks cv_bridge
realsense = ["pyrealsense2>=2.55; python_version < '3.14'"]
view = ["pillow>=10"]
bench = ["matplotlib>=3.8", "pybullet>=3.2"]  # curves; pybullet_data has meshes that nothing was trained on
compare = ["matplotlib>=3.8", "stable-baselines3>=2.4"]  # make bench-algorithms
ray = ["ray>=2.60,<2.61"]  # qtopt train --ray; we rely on how this version is told to stay on 127.0.0.1
test = [  # the extra by which colcon sees that pytest runs the tests
    "cma>=4",  # what our CMA-ES is compared with
    "hypothesis>=6.100",
    "mcap-ros2-support>=0.5.5",
    "pytest>=8,<9.2",  # from 9.2 on, xdist 3.8 heeds no groups, and each worker runs all checks of the nodes
    "pytest-cov>=6",
    "pytest-xdist>=3.6",
]
dev = [
    *test,
    "import-linter>=2.1",
    "mypy>=1.13",
    "pre-commit>=4",
    "ruff>=0.8",
    "types-PyYAML",
]

NODES = (
    "agent",
    "arm_driver",
    "attempts",
    "camera",
    "cycle",
    "episode_logger",
    "gazebo",
    "replay",
    "simulator",
    "stop_guard",
    "success_detector",
    "teleop",
    "trainer",
    "twin",
)
# `ros2 run` finds nodes as programs; where ROS 2 is not installed, `qtopt launch` starts the modules themselves.
programs = [f"{node} = qtopt_agent.graph.program:main" for node in NODES] if "AMENT_PREFIX_PATH" in os.environ else []

setup(
    name="qtopt_agent",
    version="0.1.0",
    description="QT-Opt grasping on ROS 2: sense, decide, guard, act, log, learn",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["qtopt_agent", "qtopt_agent.*"]),
    package_data={
        "qtopt_agent.learning": ["presets/*.yaml"],
        "qtopt_agent.episodes": ["msg/*.msg"],
        "qtopt_agent.standalone": ["interfaces/*/*/*"],
    },
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/qtopt_agent"]),
        ("share/qtopt_agent", ["package.xml"]),
        ("share/qtopt_agent/config", ["config/sros2_policy.xml"]),
        ("share/qtopt_agent/config/arms", sorted(glob("config/arms/*.yaml"))),
        ("share/qtopt_agent/config/drivers", sorted(glob("config/drivers/*.yaml"))),
        ("share/qtopt_agent/config/cells", sorted(glob("config/cells/*.yaml"))),
        ("share/qtopt_agent/config/twins", sorted(glob("config/twins/*.yaml"))),
        ("share/qtopt_agent/launch", sorted(glob("launch/*.launch.py"))),
        *((f"share/qtopt_agent/{model}", sorted(glob(f"{model}/*"))) for model in sorted(glob("models/*"))),
    ],
    install_requires=[
        "cryptography>=41",
        "lz4>=4.3",
        "mcap>=1.5",
        "numpy>=1.26",
        "PyYAML>=6",
        "rich>=13",
        "rosbags>=0.11",
        "safetensors>=0.4",
        "torch>=2.5",
        "typer>=0.15",
        "zstandard>=0.20",
    ],
    extras_require={
        "gazebo": gazebo,
        "sim": sim,
        "train": train,
        "standalone": standalone,
        "camera": camera,
        "realsense": realsense,
        "view": view,
        "bench": bench,
        "compare": compare,
        "ray": ray,
        "test": test,
        "dev": dev,
    },
    entry_points={"console_scripts": ["qtopt = qtopt_agent.cli.main:main", *programs]},
)
