"""What every Q-function offers: the image is encoded once, then any number of actions is scored against it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import Profile

METRES_PER_UNIT = 0.1
"""State entries in metres (names ending in `_m`) are divided by this, so that every network input is of order one."""


class QFunction(nn.Module, ABC):
    """Q(s, a) = sigmoid(logit), after Kalashnikov et al. 2018, section 4.2.

    Images are uint8 [B, H, W, 3], states float [B, S] and actions float [B, N, A], all in the profile's own units.
    """

    kind, risk, risk_level = "scalar", "neutral", 0.0
    """As in `make_q_function`."""

    search: ClassVar[Mapping[str, Any]] = {"name": "cem", "samples": 64, "elites": 6, "iterations": 2}
    """How a robot searches, if nobody says otherwise: for `make_maximizer`. docs/algorithms/cem.md says what won."""

    mask_size = 0
    """Parts along each side of the picture of which it can say how much shows objects; 0: it cannot."""

    proposes = False
    """Whether `propose` names good actions, so that nothing needs to be searched."""

    _state_scale: Tensor
    _action_middle: Tensor
    _action_scale: Tensor

    def __init__(self, profile: Profile, aux_size: int = 0) -> None:
        super().__init__()
        space = profile.action_space
        low, high = torch.tensor(space.low), torch.tensor(space.high)
        rest = space.size - len(space.low)  # sines, cosines and flags are of order one already
        self.aux_size = aux_size
        self.action_size = space.size
        self.state_size = profile.observation.state_size
        units = [METRES_PER_UNIT if name.endswith("_m") else 1.0 for name in profile.observation.state_names]
        # Not persistent: these follow from the profile, which a model's manifest names.
        self.register_buffer("_state_scale", 1.0 / torch.tensor(units), persistent=False)
        self.register_buffer("_action_middle", torch.cat([(low + high) / 2, torch.zeros(rest)]), persistent=False)
        self.register_buffer("_action_scale", torch.cat([2 / (high - low), torch.ones(rest)]), persistent=False)

    @abstractmethod
    def encode(self, image: Tensor) -> Tensor:
        """Embedding [B, ...] of uint8 images [B, H, W, 3]; [B, 0] where the profile has no camera."""

    @abstractmethod
    def evaluate(self, embedding: Tensor, state: Tensor, actions: Tensor) -> Tensor:
        """Logits float32 [B, N] of N actions a state, from `encode`'s embedding."""

    def propose(self, embedding: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One action for each of the K modes: unit coordinates [B, K, D] in -1..1, and int64 [B, K], which mode it is.

        Coordinates and modes are those of `maximizers.ActionCode`, which turns them into actions.
        """
        raise InvalidInput(f"{type(self).__name__} proposes no actions")

    def encode_with_mask(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """`encode`'s embedding, and logits float32 [B, mask_size, mask_size] of each part showing objects: a loss more.

        Raises InvalidInput where mask_size is 0.
        """
        raise InvalidInput(f"{type(self).__name__} has no masks")

    def auxiliary(self, embedding: Tensor, state: Tensor) -> Tensor:
        """Predictions [B, aux_size] of what only the simulator knows; used as an extra loss in training."""
        raise InvalidInput(f"{type(self).__name__} has no auxiliary output")

    def forward(self, image: Tensor, state: Tensor, actions: Tensor) -> Tensor:
        """Logits float32 [B, N]: the whole network at once."""
        return self.evaluate(self.encode(image), state, actions)

    def _scaled_state(self, state: Tensor) -> Tensor:
        return state.to(self._state_scale.dtype) * self._state_scale

    def _scaled_actions(self, actions: Tensor) -> Tensor:
        return (actions.to(self._action_scale.dtype) - self._action_middle) * self._action_scale
