"""The embedded MuJoCo world: runs wherever Python runs."""

from qtopt_agent.core.profile import Profile
from qtopt_agent.simulation.measurement import ACTION_NAMES, MIRRORS, PRIVILEGED_NAMES, PRIVILEGED_SIZE
from qtopt_agent.simulation.objects import sample_object
from qtopt_agent.simulation.robot import SimulatedRobot

__all__ = ["ACTION_NAMES", "MIRRORS", "PRIVILEGED_NAMES", "PRIVILEGED_SIZE", "SimulatedRobot", "make_robot"]


def make_robot(profile: Profile, objects: str = "train", clutter: tuple[int, int] = (1, 1)) -> SimulatedRobot:
    """A simulated robot over a bin with `clutter` (fewest, most) objects of a split: train, validation or held-out."""
    return SimulatedRobot(profile, lambda rng: sample_object(objects, rng), clutter)
