"""Mirror images of transitions: a wrist camera on the gripper's axis sees a world that can be flipped."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.replay.store import Batch


@dataclass(frozen=True)
class Mirror:
    """One reflection that leaves the task as it was.

    `image_axis` is the axis of [H, W, 3] that it flips: 0 up-down, 1 left-right. The sign vectors hold +1 or -1 for each
    number of the action [A], the state [S] and the privileged values [P].
    """

    image_axis: int
    action: tuple[float, ...]
    state: tuple[float, ...]
    privileged: tuple[float, ...]


def signs(names: Sequence[str], flipped: frozenset[str]) -> tuple[float, ...]:
    """-1 for each name that is in `flipped`, +1 for the others."""
    return tuple(-1.0 if name in flipped else 1.0 for name in names)


def augment(batch: Batch, mirrors: Sequence[Mirror], rng: np.random.Generator) -> Batch:
    """Apply each mirror to a random half of the transitions, to s, a, s' and the privileged values alike."""
    for mirror in mirrors:
        chosen = rng.random(len(batch.reward)) < 0.5

        def flip(images: NDArray[np.uint8], chosen: NDArray[np.bool_] = chosen, axis: int = mirror.image_axis + 1) -> NDArray[np.uint8]:
            flipped = images.copy()
            flipped[chosen] = np.flip(images[chosen], axis)
            return flipped

        def sign(values: NDArray[np.float32], signs: tuple[float, ...], chosen: NDArray[np.bool_] = chosen) -> NDArray[np.float32]:
            return np.where(chosen[:, None], values * np.float32(signs), values)

        batch = batch._replace(
            image=flip(batch.image),
            next_image=flip(batch.next_image),
            action=sign(batch.action, mirror.action),
            state=sign(batch.state, mirror.state),
            next_state=sign(batch.next_state, mirror.state),
            privileged=sign(batch.privileged, mirror.privileged) if batch.privileged.shape[1] else batch.privileged,
        )
    return batch
