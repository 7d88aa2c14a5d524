"""From a training run's folder to a model version."""

from dataclasses import asdict
from pathlib import Path

from qtopt_agent.core.errors import IncompatibleModel
from qtopt_agent.core.profile import get_profile
from qtopt_agent.learning.checkpoint import load_checkpoint
from qtopt_agent.learning.parts import make_network
from qtopt_agent.learning.preset import load_preset
from qtopt_agent.maximizers import CEM
from qtopt_agent.runtime.model_store import publish
from qtopt_agent.simulation import PRIVILEGED_SIZE

COMMANDS = "commands.txt"
"""The run's command lines, one a line; `qtopt train` writes them."""


def export_run(run: Path, store: Path, version: str, samples: int, elites: int, iterations: int) -> Path:
    """Publish the network that acts in `run`'s checkpoint (averaged weights, if any) as `version`; return its folder.

    CEM at run time need not be that of training. Raises IncompatibleModel if the run is damaged, else as `publish`.
    """
    state = load_checkpoint(run / "checkpoint.pt")
    preset = load_preset(str(run / "preset.yaml"))
    profile = get_profile(preset.profile)
    q = make_network(preset, profile, PRIVILEGED_SIZE)
    try:
        q.load_state_dict(state["learner"]["acting"])
        training = {
            "commands": (run / COMMANDS).read_text(encoding="utf-8").splitlines(),
            "seed": state["seed"],
            "steps": state["learner"]["step"],
            "episodes": state["episodes"],
            "preset": asdict(preset),
        }
    except (KeyError, RuntimeError, OSError) as error:
        raise IncompatibleModel(f"{run} is not a complete run of preset {preset.profile}: {error}") from error
    cem = CEM(profile.action_space, samples, elites, iterations)
    return publish(store, version, profile, q, cem, training, mirrored=preset.symmetry)
