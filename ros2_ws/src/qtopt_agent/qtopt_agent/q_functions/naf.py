"""NAF: a Q-function whose maximum over actions can be written down."""

import torch
from torch import Tensor

from qtopt_agent.core.profile import Profile
from qtopt_agent.q_functions.network import ContextNetwork, NetworkQFunction, make_layers


class NafQFunction(NetworkQFunction):
    """Normalized advantage functions (Gu et al. 2016, section 4), one for each mode k of the action, in logits:

        logit = V_k(s) - (u - mu_k(s))' P_k(s) (u - mu_k(s)) / 2        P_k = L_k L_k'

    u are the action's unit coordinates, in which an angle never wraps round. L is lower triangular with the exponential
    of the network's output on its diagonal, so P is positive definite and the maximum of mode k is V_k(s), at
    mu_k(s) = tanh(...).
    """

    kind = "naf"
    proposes = True

    _max_angle: Tensor

    def __init__(self, network: ContextNetwork, profile: Profile) -> None:
        super().__init__(network, profile)
        network.drop_head()
        space = profile.action_space
        self.head = make_layers(self.modes * (1 + self.unit_size + self.unit_size**2))
        self._continuous, self._circles = len(space.low), len(space.max_angle)
        self.register_buffer("_max_angle", torch.tensor(space.max_angle), persistent=False)

    def evaluate(self, embedding: Tensor, state: Tensor, actions: Tensor) -> Tensor:
        """Logits [B, N]."""
        value, best, lower = self._quadratics(embedding, state)
        unit, mode = self._coordinates(actions)
        row = torch.arange(state.shape[0], device=state.device).unsqueeze(1)
        offset = unit - best[row, mode]
        # Sums of products and not matmul, which autocast would do in bf16.
        length = (lower[row, mode] * offset.unsqueeze(-1)).sum(-2)
        return value[row, mode] - length.square().sum(-1) / 2

    def propose(self, embedding: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The maximum of each mode: unit coordinates float32 [B, K, D] and int64 [B, K]."""
        _, best, _ = self._quadratics(embedding, state)
        return best, torch.arange(self.modes, device=state.device).expand(state.shape[0], -1)

    def _quadratics(self, embedding: Tensor, state: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """V [B, K], mu [B, K, D] and L [B, K, D, D], float32."""
        n = self.unit_size
        numbers = self.head(self.network.context(embedding, state)).float().unflatten(1, [self.modes, 1 + n + n * n])
        entries = numbers[..., 1 + n :].unflatten(-1, [n, n])
        diagonal = torch.diag_embed(entries.diagonal(dim1=-2, dim2=-1).exp())
        return numbers[..., 0], torch.tanh(numbers[..., 1 : 1 + n]), entries.tril(-1) + diagonal

    def _coordinates(self, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Unit coordinates [B, N, D] and mode int64 [B, N] of actions."""
        scaled = (actions.float() - self._action_middle) * self._action_scale
        n, c = self._continuous, self._circles
        circles = scaled[..., n : n + 2 * c].unflatten(-1, [c, 2])
        angles = torch.atan2(circles[..., 0], circles[..., 1]) / self._max_angle
        flags = scaled[..., n + 2 * c :]
        mode = torch.cat([1 - flags.sum(-1, keepdim=True), flags], -1).argmax(-1)
        return torch.cat([scaled[..., :n], angles], -1), mode
