"""Package of the grasping agent: installs with pip and with colcon (ament_python)."""

from setuptools import find_packages, setup

setup(
    name="qtopt_agent",
    version="0.1.0",
    packages=find_packages(include=["qtopt_agent", "qtopt_agent.*"]),
    package_data={"qtopt_agent.learning": ["presets/*.yaml"]},
    entry_points={"console_scripts": ["qtopt = qtopt_agent.cli.main:main"]},
)
