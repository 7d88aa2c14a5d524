"""Whether a candidate is better than the model in force: on grasps that neither learned from, and in simulation."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from qtopt_agent.core.episode import Episode
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.looks import of_kind
from qtopt_agent.documents import read_json
from qtopt_agent.episodes.reader import find_episodes, read_episode
from qtopt_agent.episodes.split import held_back
from qtopt_agent.models.build import acting
from qtopt_agent.models.manifest import WEIGHTS
from qtopt_agent.models.opened import open_model
from qtopt_agent.rollouts.intervals import paired_difference
from qtopt_agent.rollouts.parallel import Rollout, RolloutPlan, run_rollouts
from qtopt_agent.training.held_back_scores import Difference, Foretold, log_loss, ranking
from qtopt_agent.training.recorded import as_seen

FILE_NAME = "comparison.json"
"""Beside a candidate's files: what its comparison has found."""

MIN_EPISODES, MIN_OF_EACH = 30, 5
"""Attempts held back, and of those that succeeded and that failed, below which nothing is said of a candidate."""

SIMULATION_MARGIN = 0.05
"""The success rate in simulation may be so much smaller, at worst, with 95 % certainty."""


@dataclass(frozen=True)
class Simulated:
    """The same attempts by both models. better, low: of the candidate's rate, as in Difference."""

    attempts: int
    incumbent: int
    candidate: int
    better: float
    low: float


@dataclass(frozen=True)
class Comparison:
    """What was found about a candidate and the incumbent, each by the hash of its weights. reasons: why it did not win.

    ranking is None where all attempts held back succeeded, or all failed.
    """

    incumbent: str
    candidate: str
    incumbent_sha256: str
    candidate_sha256: str
    episodes: int
    successes: int
    log_loss: Difference
    ranking: Difference | None
    simulated: Simulated | None
    reasons: tuple[str, ...]

    @property
    def won(self) -> bool:
        """Whether the candidate may be promoted."""
        return not self.reasons

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"reasons": list(self.reasons), "won": self.won}


def compare(
    incumbent: Path,
    candidate: Path,
    folders: Sequence[Path],
    hold_back: float,
    simulate: int = 0,
    seed: int = 0,
    workers: int = 1,
    on_done: Callable[[Rollout], None] | None = None,
) -> Comparison:
    """Compare two models on the share of the episodes that is held back and, if asked for, in `simulate` attempts.

    The candidate wins where its log loss is smaller and its ranking better, each with 95 % certainty, and its success
    in simulation not worse by more than 0.05. The loss alone would be won by any shift of Q towards the arm's success
    rate. Raises InvalidInput where nothing is held back, IncompatibleModel where a model is damaged.
    """
    names, hashes = [], []
    for folder in (incumbent, candidate):
        manifest = open_model(folder).manifest
        names.append(manifest["version"])
        hashes.append(manifest["sha256"][WEIGHTS])
    if hashes[0] == hashes[1]:
        raise InvalidInput(f"{names[0]} and {names[1]} have the same weights: expected two models")
    episodes = list(judged_episodes(folders, hold_back))
    if not episodes:
        where = ", ".join(map(str, folders))
        raise InvalidInput(f"of the episodes in {where} with an outcome, none is held back at a share of {hold_back}")
    mine, theirs = (foretold(folder, episodes) for folder in (incumbent, candidate))
    successes = sum(each.success for each in mine)
    both = 0 < successes < len(mine)
    loss, ranked = log_loss(mine, theirs), ranking(mine, theirs) if both else None
    simulated = in_simulation(incumbent, candidate, simulate, seed, workers, on_done) if simulate else None
    reasons = tuple(_against(len(mine), successes, loss, ranked, simulated))
    return Comparison(names[0], names[1], hashes[0], hashes[1], len(mine), successes, loss, ranked, simulated, reasons)


def _against(
    episodes: int, successes: int, loss: Difference, ranked: Difference | None, simulated: Simulated | None
) -> Iterator[str]:
    if episodes < MIN_EPISODES or min(successes, episodes - successes) < MIN_OF_EACH:
        yield (
            f"{episodes} episodes are held back, {successes} of them successes: expected at least {MIN_EPISODES}, and "
            f"{MIN_OF_EACH} of each outcome"
        )
    if loss.low <= 0:
        yield (
            f"its log loss is not smaller with 95 % certainty: {loss.candidate:.4f}, the incumbent's "
            f"{loss.incumbent:.4f}"
        )
    if ranked is not None and ranked.low <= 0:
        yield (
            f"it does not rank outcomes better with 95 % certainty: area under the curve {ranked.candidate:.4f}, the "
            f"incumbent's {ranked.incumbent:.4f}"
        )
    if simulated is not None and simulated.low <= -SIMULATION_MARGIN:
        yield (
            f"it may be worse in simulation: {simulated.candidate} of {simulated.attempts}, the incumbent "
            f"{simulated.incumbent}, 95 % sure of {simulated.low:+.1%} only"
        )


def judged_episodes(folders: Sequence[Path], hold_back: float) -> Iterator[Episode]:
    """Those held back that came to an end. Raises CorruptEpisode."""
    for folder in folders:
        for path in find_episodes(folder):
            episode = read_episode(path)
            if held_back(episode.episode_id, hold_back) and not episode.truncated:
                yield episode


def foretold(model: Path, episodes: Sequence[Episode]) -> list[Foretold]:
    """What the model says of the actions that were carried out. Raises IncompatibleModel, InvalidInput."""
    opened = open_model(model)
    profile = opened.spec.profile
    opened.q.load_state_dict(dict(opened.weights))
    q = acting(opened.q, profile, opened.spec.mirrored).eval()
    found = []
    for episode in (as_seen(each, profile) for each in episodes):
        images = torch.from_numpy(np.stack([step.observation.image for step in episode.steps]))
        states = torch.from_numpy(np.stack([step.observation.state for step in episode.steps]))
        actions = torch.from_numpy(np.stack([step.executed for step in episode.steps]))
        with torch.inference_mode():
            logits = q.evaluate(q.encode(images), states, actions[:, None])[:, 0]
        values = _values([step.reward for step in episode.steps], profile.discount)
        found.append(Foretold(torch.sigmoid(logits).double().numpy(), values, episode.success))
    return found


def _values(rewards: Sequence[float], discount: float) -> NDArray[np.float64]:
    values = np.zeros(len(rewards) + 1)
    for t in reversed(range(len(rewards))):
        values[t] = rewards[t] + discount * values[t + 1]
    return values[:-1]


def in_simulation(
    incumbent: Path,
    candidate: Path,
    attempts: int,
    seed: int,
    workers: int,
    on_done: Callable[[Rollout], None] | None = None,
) -> Simulated:
    """Both models at the same objects, places and looks, in the incumbent's cell. Raises what `run_rollouts` raises."""
    profile = open_model(incumbent).spec.profile
    outcomes = []
    for folder in (incumbent, candidate):
        own = open_model(folder).spec.profile
        plan = RolloutPlan(
            str(folder), own, "household-validation", (1, 1), seed, looks=of_kind("randomised"), cell=profile.cell
        )
        outcomes.append([each.success for each in run_rollouts(plan, attempts, workers, on_done)])
    mine, theirs = outcomes
    return Simulated(attempts, sum(mine), sum(theirs), *paired_difference(mine, theirs))


def write_comparison(folder: Path, found: Comparison) -> None:
    """Leave it beside the candidate's files, for `read_comparison`."""
    temporary = folder / f".{FILE_NAME}-{os.getpid()}"
    temporary.write_text(json.dumps(found.to_json(), indent=2, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(temporary, folder / FILE_NAME)


def read_comparison(candidate: Path, incumbent: Path) -> dict[str, Any]:
    """What was found about these very weights. Raises InvalidInput where nothing was, or about others."""
    file = candidate / FILE_NAME
    if not file.exists():
        raise InvalidInput(f"{candidate} was never compared: give --episodes, or run `qtopt models compare`")
    found = read_json(file)
    for name, model in (("candidate", candidate), ("incumbent", incumbent)):
        sha256 = open_model(model).manifest["sha256"][WEIGHTS]
        if not isinstance(found, dict) or found.get(f"{name}_sha256") != sha256:
            raise InvalidInput(f"{file} is about another {name} than {model}: compare them again")
    plain: dict[str, Any] = found
    return plain
