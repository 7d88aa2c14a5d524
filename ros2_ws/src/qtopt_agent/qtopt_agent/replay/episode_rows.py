"""An episode as rows of a store's columns: one for each observation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.episode import Episode
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.replay.spec import StoreSpec


def rows_of(episode: Episode, source: int, spec: StoreSpec) -> dict[str, NDArray[Any]]:
    """T + 1 rows of every column of `spec` that does not depend on where they are stored.

    Raises InvalidInput, naming the column, where the episode's parts do not fit `spec`, or are not finite.
    """
    observations = [*(step.observation for step in episode.steps), episode.final]
    rewards = np.array([step.reward for step in episode.steps] + [0.0], np.float32)
    data: dict[str, NDArray[Any]] = {
        "image": np.stack([o.image for o in observations]),
        "state": np.stack([o.state for o in observations]),
        "privileged": _privileged(episode, spec),
        "action": np.stack([*(step.commanded for step in episode.steps), np.zeros(spec.action_size, np.float32)]),
        "reward": rewards,
        "terminal": np.array([step.terminal for step in episode.steps] + [True], np.float32),
        "log_density": np.array([step.log_density for step in episode.steps] + [np.nan], np.float32),
        "mc_return": np.zeros_like(rewards) if episode.truncated else _returns(rewards, spec.discount),
        "success": np.full(len(rewards), episode.success),
        "source": np.full(len(rewards), source, np.uint8),
        "remaining": np.arange(len(rewards), dtype=np.int32)[::-1],
    }
    if spec.mask_size:
        data["mask"] = _masks(observations, episode.episode_id)
    columns = spec.columns()
    for name, values in data.items():
        _check(f"episode {episode.episode_id}: {name}", values, *columns[name], unknown=name == "log_density")
    if data["terminal"][:-2].any():
        raise InvalidInput(f"episode {episode.episode_id} goes on after a terminal step")
    return data


def _privileged(episode: Episode, spec: StoreSpec) -> NDArray[np.float32]:
    if spec.privileged_size == 0:
        return np.zeros((len(episode.steps) + 1, 0), np.float32)
    known = [o.privileged for o in (*(step.observation for step in episode.steps), episode.final)]
    found = [values for values in known if values is not None]
    if len(found) < len(known):
        raise InvalidInput(f"episode {episode.episode_id} lacks the privileged values that the store holds")
    return np.stack(found)


def _masks(observations: list[Observation], episode: str) -> NDArray[np.uint8]:
    found = [o.mask for o in observations if o.mask is not None]
    if len(found) < len(observations):
        raise InvalidInput(
            f"episode {episode} has no masks, which only a run's own simulation gives: learn with loss.mask_weight 0"
        )
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
