"""What is asked of a running Gazebo through its own command line, the same in all releases."""

import subprocess
from pathlib import Path

from qtopt_agent.core.errors import QtoptError
from qtopt_agent.gazebo.poses import Pose, read_poses
from qtopt_agent.gazebo.release import Release
from qtopt_agent.gazebo.world import NAME

PATIENCE = 3.0  # s for one answer
TRIES = 3


class GazeboError(QtoptError):
    """Gazebo did not answer, or did not do what it was asked."""


class Services:
    """A world's services. All of them raise GazeboError."""

    def __init__(self, release: Release, world: str = NAME) -> None:
        self._release, self._world = release, world

    def create(self, file: Path) -> None:
        """Put the model in an SDF file into the world."""
        self._ask("create", "EntityFactory", f'sdf_filename: "{file}"')

    def remove(self, model: str) -> None:
        """Take a model out of the world."""
        self._ask("remove", "Entity", f'name: "{model}", type: MODEL')

    def poses(self) -> dict[str, Pose]:
        """Poses of all models that can move in the world, and of their links in the models, by name."""
        return read_poses(self._run("topic", "--echo", "-n", "1", "-t", f"/world/{self._world}/dynamic_pose/info"))

    def _ask(self, service: str, kind: str, request: str) -> None:
        messages = self._release.messages
        for _ in range(TRIES):  # an answer gets lost now and then; to be asked twice does a world no harm
            answer = self._run(
                "service", "-s", f"/world/{self._world}/{service}", "--reqtype", f"{messages}.{kind}",
                "--reptype", f"{messages}.Boolean", "--timeout", str(int(PATIENCE * 1000)), "--req", request,
            )  # fmt: skip
            if "data: true" in answer:
                return
        raise GazeboError(f"Gazebo refused to {service} {request}: {answer.strip() or 'no answer'}")

    def _run(self, *words: str) -> str:
        command = [self._release.program, *words]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=3 * PATIENCE, check=True)
        except subprocess.TimeoutExpired as error:
            raise GazeboError(f"{' '.join(command)}: no answer in {3 * PATIENCE:.0f} s") from error
        except subprocess.CalledProcessError as error:
            raise GazeboError(
                f"{' '.join(command)}: {error.stderr.strip() or f'ended with {error.returncode}'}"
            ) from error
        return done.stdout
