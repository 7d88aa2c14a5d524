"""One round of training from recorded episodes alone, up to a published model, in a process of its own.

`python -m qtopt_agent.training.offline '<round as JSON>'` prints one JSON object a line: what it does.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from qtopt_agent.core.episode import Episode
from qtopt_agent.core.errors import InvalidInput, QtoptError
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.profile import Profile
from qtopt_agent.episodes.reader import find_episodes, read_episode
from qtopt_agent.learning.preset import Preset, load_preset
from qtopt_agent.perception.ingest import fit, ingest_spec
from qtopt_agent.processes.folder_lock import one_process
from qtopt_agent.processes.memory import keep_freed_memory
from qtopt_agent.replay.spec import StoreSpec
from qtopt_agent.replay.store import TransitionStore
from qtopt_agent.simulation import PRIVILEGED_SIZE
from qtopt_agent.training.export import COMMANDS, export_run
from qtopt_agent.training.run import Training
from qtopt_agent.training.saved_run import CHECKPOINT, preset_of, read_run

USED = "episodes.txt"  # in the run's folder: episodes that its replay store has taken, one a line
Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Round:
    """What to do: `steps` more gradient steps of the run in folder `run`, with the episodes that are new to it.

    settings: key=value, over those of `preset`; both count in the first round only. version: of the model.
    """

    episodes: str
    run: str
    models: str
    version: str
    preset: str
    steps: int
    settings: tuple[str, ...] = ()
    seed: int = 0

    def command(self) -> list[str]:
        """The command line that does it."""
        return [sys.executable, "-m", __name__, json.dumps(asdict(self))]


def train(order: Round, report: Report) -> Path:
    """Do it, and return the model's folder; progress goes to `report`.

    Raises InvalidInput where no episode can be learned from or another process is at the run, else as `Training` and
    `export_run` do.
    """
    Path(order.run).mkdir(parents=True, exist_ok=True)
    with one_process(Path(order.run)):
        return _train(order, report)


def _train(order: Round, report: Report) -> Path:
    run, episodes = Path(order.run), Path(order.episodes)
    resume = (run / CHECKPOINT).exists()
    preset = _preset(order, run if resume else None, episodes)
    profile = preset.acting_profile()
    skipped = _take(profile, preset, run, episodes, new=None if not resume else False)
    if skipped:
        report({"skipped": len(skipped), "why": skipped[-1]})

    def on_scalars(step: int, values: dict[str, float]) -> None:
        report({"steps": step, "loss": values["learner/loss"], "rate": values["speed/steps_per_s"]})

    training = Training(preset, run, order.seed, actors=0, collect=False, resume=resume, report=on_scalars)
    with (run / COMMANDS).open("a", encoding="utf-8") as file:
        file.write(f"trainer: {json.dumps(asdict(order))}\n")
    outcome = training.run()
    if outcome.interrupted:
        raise KeyboardInterrupt
    report({"publishing": order.version, "steps": outcome.steps})
    return export_run(run, Path(order.models), order.version, 64, 6, 2)


def used_episodes(run: Path) -> int:
    """Episodes that the run in folder `run` has been given."""
    used = run / USED
    return len(used.read_text(encoding="utf-8").splitlines()) if used.exists() else 0


def fit_episode(episode: Episode, profile: Profile) -> Episode:
    """`episode` with its images brought to the size of `profile`, as an agent sees them. Raises InvalidInput."""
    spec = ingest_spec(profile)

    def fitted(observation: Observation) -> Observation:
        return replace(observation, image=fit(observation.image, spec))

    steps = tuple(replace(step, observation=fitted(step.observation)) for step in episode.steps)
    return replace(episode, steps=steps, final=fitted(episode.final))


def _preset(order: Round, resumed: Path | None, episodes: Path) -> Preset:
    if resumed is not None:
        saved = read_run(resumed)
        return replace(preset_of(saved, resumed), steps=saved["learner"]["step"] + order.steps)
    preset = replace(load_preset(order.preset).override(list(order.settings)), steps=order.steps)
    first = next(find_episodes(episodes), None)
    if first is None:
        raise InvalidInput(f"{episodes} holds no episodes")
    if read_episode(first).final.privileged is None:  # measured in simulation only
        preset = preset.changed(auxiliary_weight=0.0)
    return preset.changed(mask_weight=0.0)  # known to a simulator's own actors only


def _take(profile: Profile, preset: Preset, run: Path, episodes: Path, new: bool | None) -> list[str]:
    """Add the episodes that are new to the run's replay store; returns why others were not."""
    privileged = PRIVILEGED_SIZE if preset.loss.auxiliary_weight else 0
    store = TransitionStore(run / "replay", StoreSpec.of(profile, preset.replay.capacity, privileged), new)
    used = run / USED
    known = set(used.read_text(encoding="utf-8").splitlines()) if used.exists() else set()
    skipped = []
    with used.open("a", encoding="utf-8", buffering=1) as file:  # a line is written with its episode, kill or not
        for folder in find_episodes(episodes):
            if folder.name in known:
                continue
            try:
                episode = read_episode(folder)
                if episode.profile != profile.name:
                    raise InvalidInput(f"{folder} was recorded for profile {episode.profile}, not {profile.name}")
                sees = min(profile.observation.image_size) > 0
                store.append(fit_episode(episode, profile) if sees else episode, episode.policy != "scripted")
            except QtoptError as error:
                skipped.append(str(error))
            file.write(f"{folder.name}\n")
    store.flush()
    return skipped


def main() -> int:
    """Run the round on the command line. Exit code 2 where it cannot be done, 130 after Ctrl-C."""
    torch.set_num_threads(1)  # small networks lose by more
    keep_freed_memory()
    fields = json.loads(sys.argv[1])

    def report(what: dict[str, Any]) -> None:
        print(json.dumps(what), flush=True)  # raises once whoever started this is gone, which ends it

    try:
        folder = train(Round(**fields | {"settings": tuple(fields["settings"])}), report)
        report({"published": folder.name})
    except (QtoptError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
