"""The two lagged networks that Bellman targets are computed with (Kalashnikov et al. 2018, section 4.2)."""

import copy
from collections import deque
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

SNAPSHOTS = 4
Network = TypeVar("Network", bound=nn.Module)


class TargetNetworks(Generic[Network]):
    """`first` is the moving average of the online network, `second` is `first` as it was about `lag` steps ago.

    Snapshots of `first` are kept every lag / SNAPSHOTS steps, so that the age of `second` is between `lag` and
    (1 + 1 / SNAPSHOTS) lag once `lag` steps have passed; before that `second` is `first` as it was at the start.
    """

    def __init__(self, online: Network, decay: float, lag: int) -> None:
        self.decay, self.lag = decay, lag
        self.interval = max(1, lag // SNAPSHOTS)
        self.step = 0
        self.first, self.second = (copy.deepcopy(online).eval().requires_grad_(False) for _ in range(2))
        self._online = list(online.state_dict(keep_vars=True).values())
        self._first = list(self.first.state_dict(keep_vars=True).values())
        self._second = list(self.second.state_dict(keep_vars=True).values())
        self._floats = [i for i, value in enumerate(self._first) if value.is_floating_point()]
        self._others = [i for i, value in enumerate(self._first) if not value.is_floating_point()]
        self._snapshots: deque[list[Tensor]] = deque([self._copy()], maxlen=SNAPSHOTS + 1)

    @torch.no_grad()
    def update(self) -> bool:
        """Move `first` one step towards the online network; true when the lagged one has changed as well."""
        self.step += 1
        mine, online = ([values[i] for i in self._floats] for values in (self._first, self._online))
        torch._foreach_lerp_(mine, online, 1 - self.decay)
        for i in self._others:  # batch norm's counters
            self._first[i].copy_(self._online[i])
        if self.step % self.interval:
            return False
        self._snapshots.append(self._copy())
        self._load_second()
        return True

    def state_dict(self) -> dict[str, Any]:
        """`first`, and the snapshots that `second` comes from."""
        return {"step": self.step, "first": self.first.state_dict(), "snapshots": list(self._snapshots)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Inverse of `state_dict`."""
        self.step = state["step"]
        self.first.load_state_dict(state["first"])
        self._snapshots = deque(state["snapshots"], maxlen=SNAPSHOTS + 1)
        self._load_second()

    def _copy(self) -> list[Tensor]:
        return [value.detach().clone() for value in self._first]

    @torch.no_grad()
    def _load_second(self) -> None:
        for mine, old in zip(self._second, self._snapshots[0], strict=True):
            mine.copy_(old)
