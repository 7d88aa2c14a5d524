"""From a training run's folder to a model version."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.learning.parts import make_network
from qtopt_agent.learning.preset import Preset
from qtopt_agent.maximizers import make_maximizer
from qtopt_agent.models.publish import publish
from qtopt_agent.policies.scripted_module import DeployableMaximizer
from qtopt_agent.simulation import PRIVILEGED_SIZE
from qtopt_agent.training.saved_run import preset_of, read_run

COMMANDS = "commands.txt"
"""The run's command lines, one a line; `qtopt train` writes them."""


def export_run(
    run: Path,
    store: Path,
    version: str,
    samples: int | None = None,
    elites: int | None = None,
    iterations: int | None = None,
    maximizer: str | None = None,
) -> Path:
    """Publish the network that acts in `run`'s checkpoint (averaged weights, if any) as `version`; return its folder.

    The search at run time need not be that of training: see `search_at_run_time`. Raises InvalidInput for one that
    cannot be deployed, IncompatibleModel if the run is damaged, else as `publish`.
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
    settings = search_at_run_time(preset, q.search, samples, elites, iterations, maximizer)
    search = make_maximizer(space=profile.action_space, levels=preset.maximizer.grid_levels, **settings)
    if not isinstance(search, DeployableMaximizer):
        raise InvalidInput(
            f"maximizer {settings['name']!r} does not run in TorchScript; export with another, such as cem"
        )
    # An action proposed for one view is not its mirror image's.
    mirrored = preset.replay.symmetry and bool(profile.mirrors) and not q.proposes
    return publish(store, version, profile, q, search, training, mirrored)


def search_at_run_time(
    preset: Preset,
    networks: Mapping[str, Any],
    samples: int | None,
    elites: int | None,
    iterations: int | None,
    maximizer: str | None,
) -> Mapping[str, Any]:
    """What `make_maximizer` is to make: the network's own search where nothing is given and the preset's is CEM.

    Otherwise `maximizer`, or the preset's, with what is given of 64 samples, 6 elites and 2 iterations.
    """
    given = (samples, elites, iterations, maximizer)
    if given == (None, None, None, None) and preset.maximizer.kind == "cem":
        return networks
    name = maximizer or preset.maximizer.kind
    return {"name": name, "samples": samples or 64, "elites": elites or 6, "iterations": iterations or 2}
