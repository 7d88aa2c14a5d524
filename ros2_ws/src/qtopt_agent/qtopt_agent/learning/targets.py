"""The two lagged networks that Bellman targets are computed with (Kalashnikov et al. 2018, section 4.2)."""

import copy
from collections import deque
from typing import Any

import torch
from torch import Tensor, nn

SNAPSHOTS = 4


class TargetNetworks:
    """`first` is the exponential moving average of the online network, `second` is `first` as it was about `lag` steps ago.

    Snapshots of `first` are kept every lag / SNAPSHOTS steps, so that the age of `second` is between `lag` and
    (1 + 1 / SNAPSHOTS) lag once `lag` steps have passed; before that `second` is `first` as it was at the start.
    """

    def __init__(self, online: nn.Module, decay: float, lag: int) -> None:
        self.decay, self.lag = decay, lag
        self.interval = max(1, lag // SNAPSHOTS)
        self.step = 0
        self.first, self.second = (copy.deepcopy(online).eval().requires_grad_(False) for _ in range(2))
        self._online = list(online.state_dict(keep_vars=True).values())
        self._first = list(self.first.state_dict(keep_vars=True).values())
        self._second = list(self.second.state_dict(keep_vars=True).values())
        self._snapshots: deque[list[Tensor]] = deque([self._copy()], maxlen=SNAPSHOTS + 1)

    @torch.no_grad()
    def update(self) -> None:
        """Move `first` one step towards the online network; the lagged one follows when a snapshot comes of age."""
        self.step += 1
        floats = [i for i, value in enumerate(self._first) if value.is_floating_point()]
        torch._foreach_lerp_([self._first[i] for i in floats], [self._online[i] for i in floats], 1 - self.decay)
        for mine, online in zip(self._first, self._online, strict=True):
            if not mine.is_floating_point():
                mine.copy_(online)
        if self.step % self.interval == 0:
            self._snapshots.append(self._copy())
            self._load_second()

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step, "first": self.first.state_dict(), "snapshots": list(self._snapshots)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
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
