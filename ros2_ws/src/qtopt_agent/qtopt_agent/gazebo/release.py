"""Which Gazebo is installed. Fortress and Harmonic want the same world, but by other names."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from qtopt_agent.core.errors import InvalidInput


@dataclass(frozen=True)
class Release:
    """program, server: the command line that runs a world. messages: prefix of message types. systems: of plug-ins."""

    program: str
    server: str
    messages: str
    library: str
    systems: str

    def plugin(self, library: str, system: str) -> str:
        """The two attributes that name a system's plug-in in SDF."""
        return f'filename="{self.library}-{library}-system" name="{self.systems}::{system}"'

    def serve(self, world: Path) -> list[str]:
        """Command that runs `world` without a window, cameras included, and starts its clock."""
        return [self.program, self.server, "-s", "-r", "--headless-rendering", str(world)]


FORTRESS = Release("ign", "gazebo", "ignition.msgs", "ignition-gazebo", "ignition::gazebo::systems")
HARMONIC = Release("gz", "sim", "gz.msgs", "gz-sim", "gz::sim::systems")  # Garden and all that came after, too


def find_release(environment: Mapping[str, str]) -> Release:
    """The Gazebo that GZ_VERSION names in `environment`, or else the one that is on its PATH; Gazebo 11 is none.

    Raises InvalidInput where there is none.
    """
    named = environment.get("GZ_VERSION", "")
    releases = {"": (HARMONIC, FORTRESS), "fortress": (FORTRESS,)}.get(named, (HARMONIC,))
    for release in releases:
        if _is_installed(release, environment):
            return release
    commands = " or ".join(f"`{release.program} {release.server}`" for release in releases)
    wanted = f"Gazebo {named.capitalize()}".strip()
    raise InvalidInput(f"{wanted} is not installed: there is no {commands}; on ROS 2 Jazzy, install ros_gz")


def _is_installed(release: Release, environment: Mapping[str, str]) -> bool:
    program = shutil.which(release.program, path=environment.get("PATH", ""))
    if program is None:
        return False
    # The program may be there without the simulator, and Gazebo 11 has a `gz` of its own.
    asked = subprocess.run([program, release.server, "--versions"], env=dict(environment), capture_output=True)
    return asked.returncode == 0 and bool(asked.stdout.strip())
