"""The lagged networks that Bellman targets are computed with: which copies there are, and when they move."""

import copy
from collections import deque
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

SNAPSHOTS = 4
Network = TypeVar("Network", bound=nn.Module)


class HardCopy(Generic[Network]):
    """`first` is the online network as it was at the last multiple of `period` steps (Mnih et al. 2015)."""

    acts = False
    """Whether `first` is what acts, rather than the online network: so where it is an average."""

    def __init__(self, online: Network, period: int) -> None:
        self.period = period
        self.step = 0
        self.first = frozen_copy(online)
        self._first = list(self.first.state_dict(keep_vars=True).values())
        pairs = list(zip(self._first, online.state_dict(keep_vars=True).values(), strict=True))
        self._floats = [pair for pair in pairs if pair[0].is_floating_point()]
        self._counters = [pair for pair in pairs if not pair[0].is_floating_point()]

    @property
    def networks(self) -> tuple[Network, ...]:
        """The target networks; V(s') is the smallest of their values."""
        return (self.first,)

    def update(self, loss: float) -> int:
        """Follow one gradient step that had this `loss`; returns how many of `networks` have changed."""
        self.step += 1
        return self._blend(1.0) if self.step % self.period == 0 else 0

    def state_dict(self) -> dict[str, Any]:
        """Everything that `update` depends on except the online network."""
        return {"step": self.step, "first": self.first.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of `state_dict`."""
        self.step = state["step"]
        self.first.load_state_dict(state["first"])

    @torch.no_grad()
    def _blend(self, share: float) -> int:
        """Move `first` by `share` of the way to the online network; batch norm's counters go all the way."""
        mine, theirs = zip(*self._floats, strict=True)
        torch._foreach_lerp_(mine, theirs, share)
        for value, online in self._counters:
            value.copy_(online)
        return 1


class FittedIteration(HardCopy[Network]):
    """Fitted Q iteration (Ernst et al. 2005): regress to convergence on fixed targets, then copy.

    An inner loop has converged when the mean loss of its last `WINDOW` steps is no longer below that of the `WINDOW`
    steps before by a `TOLERANCE` share; it ends after `period` steps at the latest.
    """

    WINDOW = 100
    TOLERANCE = 0.01

    def __init__(self, online: Network, period: int) -> None:
        super().__init__(online, period)
        self._losses: list[float] = []

    def update(self, loss: float) -> int:
        """See HardCopy."""
        self.step += 1
        self._losses.append(loss)
        if len(self._losses) < self.period and not self._converged():
            return 0
        self._losses.clear()
        return self._blend(1.0)

    def state_dict(self) -> dict[str, Any]:
        """See HardCopy."""
        return {**super().state_dict(), "losses": list(self._losses)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See HardCopy."""
        super().load_state_dict(state)
        self._losses = list(state["losses"])

    def _converged(self) -> bool:
        window = self.WINDOW
        if len(self._losses) < 2 * window:
            return False
        before, last = self._losses[-2 * window : -window], self._losses[-window:]
        return sum(last) > (1 - self.TOLERANCE) * sum(before)


class Polyak(HardCopy[Network]):
    """`first` is the exponential moving average of the online network (Lillicrap et al. 2016, section 3)."""

    acts = True

    def __init__(self, online: Network, decay: float) -> None:
        super().__init__(online, 1)
        self.decay = decay

    def update(self, loss: float) -> int:
        """See HardCopy."""
        self.step += 1
        return self._blend(1 - self.decay)


class LaggedPair(Polyak[Network]):
    """The paper's pair: `second` is the average as it was about `lag` steps ago (Kalashnikov et al. 2018, section 4.2).

    Snapshots of `first` are kept every lag / SNAPSHOTS steps, so that the age of `second` is between `lag` and
    (1 + 1 / SNAPSHOTS) lag once `lag` steps have passed; before that `second` is `first` as it was at the start.
    """

    def __init__(self, online: Network, decay: float, lag: int) -> None:
        super().__init__(online, decay)
        self.lag = lag
        self.interval = max(1, lag // SNAPSHOTS)
        self.second = frozen_copy(online)
        self._second = list(self.second.state_dict(keep_vars=True).values())
        self._snapshots: deque[list[Tensor]] = deque([self._copy()], maxlen=SNAPSHOTS + 1)

    @property
    def networks(self) -> tuple[Network, ...]:
        """See HardCopy."""
        return self.first, self.second

    def update(self, loss: float) -> int:
        """See HardCopy."""
        super().update(loss)
        if self.step % self.interval:
            return 1
        self._snapshots.append(self._copy())
        self._load_second()
        return 2

    def state_dict(self) -> dict[str, Any]:
        """`first`, and the snapshots that `second` comes from."""
        return {**super().state_dict(), "snapshots": list(self._snapshots)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See HardCopy."""
        super().load_state_dict(state)
        self._snapshots = deque(state["snapshots"], maxlen=SNAPSHOTS + 1)
        self._load_second()

    def _copy(self) -> list[Tensor]:
        return [value.detach().clone() for value in self._first]

    @torch.no_grad()
    def _load_second(self) -> None:
        for mine, old in zip(self._second, self._snapshots[0], strict=True):
            mine.copy_(old)


def frozen_copy(network: Network) -> Network:
    """A copy in evaluation mode that learns nothing."""
    return copy.deepcopy(network).eval().requires_grad_(False)
