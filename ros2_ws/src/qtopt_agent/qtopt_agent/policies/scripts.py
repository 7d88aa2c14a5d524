"""The scripts by name."""

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.policy import SCRIPTS
from qtopt_agent.core.profile import Profile
from qtopt_agent.policies.blob_script import BlobScript
from qtopt_agent.policies.random_script import RandomScript
from qtopt_agent.policies.script import Script


def make_script(name: str, profile: Profile) -> Script:
    """The script called `name`, one of SCRIPTS, in the profile's cell.

    Raises InvalidInput on another name, or where the profile lacks what the script goes by.
    """
    for script in (RandomScript, BlobScript):
        if script.name == name:
            return script(profile)
    raise InvalidInput(f"script is {name!r}, expected one of {', '.join(SCRIPTS)}")
