"""Calls of actors that have not been answered yet, and who is to hear the answers."""

from collections.abc import Callable
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from qtopt_agent.core.errors import QtoptError
from qtopt_agent.training.distributed.session import RingFailed

Ref = Any
"""Something that an actor will answer, or has: Ray's ObjectRef."""


class Calls:
    """Answers that are waited for. Who hears one may make more calls."""

    def __init__(self) -> None:
        self._heard_by: dict[Ref, Callable[[Any], None]] = {}

    def __len__(self) -> int:
        return len(self._heard_by)

    def expect(self, ref: Ref, hear: Callable[[Any], None]) -> None:
        """Call `hear` with the answer once it is there."""
        self._heard_by[ref] = hear

    def wait(self, timeout: float) -> None:
        """Hear all answers that are there, after at most `timeout` s. Raises as `answer`."""
        if not self._heard_by:
            return
        ready, others = ray.wait(list(self._heard_by), timeout=timeout)
        if others:
            ready += ray.wait(others, num_returns=len(others), timeout=0)[0]
        for ref in ready:
            self._heard_by.pop(ref)(answer(ref))


def answer(ref: Ref) -> Any:
    """What `ref` comes to, waited for.

    Ray repeats what a dying actor leaves undone. Raises an actor's own error on a wrong value or file, RingFailed where
    it has died too often, or failed otherwise.
    """
    try:
        return ray.get(ref)
    except RayTaskError as error:
        if isinstance(error.cause, QtoptError):
            raise error.cause from error
        raise RingFailed(f"an actor failed: {error}") from error
    except RayActorError as error:
        raise RingFailed(f"an actor is gone for good: {error}") from error
    except RayError as error:
        raise RingFailed(f"Ray failed: {error}") from error
