"""From a training run's folder to a model version."""

from pathlib import Path

from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.learning.parts import make_network
from qtopt_agent.maximizers import make_maximizer
from qtopt_agent.models.publish import publish
from qtopt_agent.policies.scripted_module import DeployableMaximizer
from qtopt_agent.simulation import PRIVILEGED_SIZE
from qtopt_agent.training.saved_run import preset_of, read_run

COMMANDS = "commands.txt"
"""The run's command lines, one a line; `qtopt train` writes them."""


def export_run(
    run: Path, store: Path, version: str, samples: int, elites: int, iterations: int, maximizer: str | None = None
) -> Path:
    """Publish the network that acts in `run`'s checkpoint (averaged weights, if any) as `version`; return its folder.

    The search at run time need not be that of training; `maximizer` is the preset's if not given. Raises InvalidInput
    for one that cannot be deployed, IncompatibleModel if the run is damaged, else as `publish`.
    """
    state = read_run(run)
    preset = preset_of(state, run)
    profile = preset.acting_profile()
    q = make_network(preset, profile, PRIVILEGED_SIZE)
    try:
        q.load_state_dict(state["learner"]["acting"])
        training = {
            "commands": (run / COMMANDS).read_text(encoding="utf-8").splitlines(),
            "seed": state["seed"],
            "steps": state["learner"]["step"],
            "episodes": state["episodes"],
            "preset": preset.to_json(),
        }
        if state.get("init"):
            training["init"] = state["init"]
    except (KeyError, TypeError, RuntimeError, OSError) as error:
        raise IncompatibleModel(f"{run} is not a complete run of preset {preset.profile}: {error}") from error
    name = maximizer or preset.maximizer.kind
    search = make_maximizer(name, profile.action_space, samples, elites, iterations, preset.maximizer.grid_levels)
    if not isinstance(search, DeployableMaximizer):
        raise InvalidInput(f"maximizer {name!r} does not run in TorchScript; export with another, such as cem")
    # An action proposed for one view is not its mirror image's.
    mirrored = preset.replay.symmetry and bool(profile.mirrors) and not q.proposes
    return publish(store, version, profile, q, search, training, mirrored)
