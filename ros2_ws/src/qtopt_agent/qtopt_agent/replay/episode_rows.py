"""An episode as rows of a store's columns: one for each observation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.episode import Episode
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.replay.spec import ON_POLICY, PERSON, StoreSpec


def rows_of(episode: Episode, source: int, spec: StoreSpec, executed: bool = False) -> dict[str, NDArray[Any]]:
    """T + 1 rows of every column of `spec` that does not depend on where they are stored.

    Steps that a person chose have a source of their own. `executed`: the action is what was really sent to the arm, and
    its density is unknown. Raises InvalidInput, naming the column, where the episode's parts do not fit `spec`, or are
    not finite; of recorded episodes what only a simulator knows may be missing.
    """
    recorded = source > ON_POLICY
    observations = [*(step.observation for step in episode.steps), episode.final]
    actions = [step.executed if executed else step.commanded for step in episode.steps]
    densities = [np.nan if executed else step.log_density for step in episode.steps]
    rewards = np.array([step.reward for step in episode.steps] + [0.0], np.float32)
    data: dict[str, NDArray[Any]] = {
        "image": np.stack([o.image for o in observations]),
        "state": np.stack([o.state for o in observations]),
        "privileged": _privileged(observations, episode.episode_id, spec, recorded),
        "action": np.stack([*actions, np.zeros(spec.action_size, np.float32)]),
        "reward": rewards,
        "terminal": np.array([step.terminal for step in episode.steps] + [True], np.float32),
        "log_density": np.array([*densities, np.nan], np.float32),
        "mc_return": np.zeros_like(rewards) if episode.truncated else _returns(rewards, spec.discount),
        "success": np.full(len(rewards), episode.success),
        "source": np.array([*(PERSON if step.by_person else source for step in episode.steps), source], np.uint8),
        "remaining": np.arange(len(rewards), dtype=np.int32)[::-1],
    }
    if spec.mask_size:
        data["mask"] = _masks(observations, episode.episode_id, spec, recorded)
    columns = spec.columns()
    for name, values in data.items():
        unknown = name == "log_density" or (recorded and name == "privileged")
        _check(f"episode {episode.episode_id}: {name}", values, *columns[name], unknown=unknown)
    if data["terminal"][:-2].any():
        raise InvalidInput(f"episode {episode.episode_id} goes on after a terminal step")
    return data


def _privileged(seen: list[Observation], episode: str, spec: StoreSpec, recorded: bool) -> NDArray[np.float32]:
    found = [o.privileged for o in seen if o.privileged is not None]
    if spec.privileged_size and len(found) == len(seen):
        return np.stack(found)
    if spec.privileged_size and not recorded:
        raise InvalidInput(f"episode {episode} lacks the privileged values that the store holds")
    return np.full((len(seen), spec.privileged_size), np.nan, np.float32)


def _masks(seen: list[Observation], episode: str, spec: StoreSpec, recorded: bool) -> NDArray[np.uint8]:
    if recorded:
        return np.zeros((len(seen), spec.mask_size, spec.mask_size), np.uint8)
    found = [o.mask for o in seen if o.mask is not None]
    if len(found) < len(seen):
        raise InvalidInput(f"episode {episode} of the run's own simulation has no masks")
    return np.stack(found)


def _returns(rewards: NDArray[np.float32], discount: float) -> NDArray[np.float32]:
    """Discounted sums from each step on; the last row is no step."""
    returns = np.zeros_like(rewards)
    for t in range(len(rewards) - 2, -1, -1):
        returns[t] = rewards[t] + discount * returns[t + 1]
    return returns


def _check(what: str, values: NDArray[Any], dtype: Any, shape: tuple[int, ...], unknown: bool) -> None:
    """Raises InvalidInput, beginning with `what`, unless these are rows of a column; `unknown` ones may be NaN."""
    if values.shape[1:] != shape or values.dtype != dtype:
        raise InvalidInput(
            f"{what} is {values.dtype} {list(values.shape[1:])}, expected {np.dtype(dtype)} {list(shape)}"
        )
    if not unknown and not np.isfinite(values).all():
        raise InvalidInput(f"{what} has values that are not finite")
