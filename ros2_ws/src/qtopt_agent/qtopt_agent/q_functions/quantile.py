"""A Q-function that knows the whole distribution of the return, by its quantiles."""

import torch
from torch import Tensor, nn

from qtopt_agent.core.profile import Profile
from qtopt_agent.q_functions.distortion import distort
from qtopt_agent.q_functions.network import WIDTH, ContextNetwork, NetworkQFunction, make_layers

COSINES = 64
ACTING_QUANTILES = 32


class QuantileQFunction(NetworkQFunction):
    """Q2F-Opt (Bodnar et al. 2020, section 4): the tau-quantile of the return of (s, a), for any tau in 0..1.

    tau enters as in Dabney et al. 2018 (IQN), section 3.1: cos(pi i tau), i = 0..63, through one layer, times the
    vector of state and action. Here the product is summed where IQN has two more layers: T quantiles of N actions are
    one product of matrices, so that a search costs little more than with one value an action.

    `evaluate` is the mean of the quantiles at 32 fixed taus, distorted by `risk` at `risk_level` (see `distort`): the
    same state and action always have the same value. The weights do not depend on the risk and can act under another.
    """

    kind = "quantile"
    _acting_cosines: Tensor

    def __init__(
        self, network: ContextNetwork, profile: Profile, risk: str = "neutral", risk_level: float = 0.0
    ) -> None:
        """Raises InvalidInput as `distort` does."""
        super().__init__(network, profile)
        self.risk, self.risk_level = risk, risk_level
        network.drop_head()
        self.action_layer = nn.Linear(self.action_size, WIDTH, bias=False)
        self.head = make_layers(WIDTH)
        self.tau_layer = nn.Linear(COSINES, WIDTH)
        taus = distort(risk, risk_level, (torch.arange(ACTING_QUANTILES) + 0.5) / ACTING_QUANTILES)
        # The cosines and not the taus: bf16 has too few digits for the phase of the fast ones.
        self.register_buffer("_acting_cosines", _cosines(taus, COSINES), persistent=False)

    def evaluate(self, embedding: Tensor, state: Tensor, actions: Tensor) -> Tensor:
        """Logits [B, N] of the mean quantile under the risk distortion."""
        mean = torch.sigmoid(self._quantiles(embedding, state, actions, self._acting_cosines)).mean(-1)
        return torch.logit(mean, eps=1e-6)

    def quantiles(self, embedding: Tensor, state: Tensor, actions: Tensor, taus: Tensor) -> Tensor:
        """Logits float32 [B, N, T] of the quantiles at `taus` [B, T] for actions [B, N, A]; without distortion."""
        return self._quantiles(embedding, state, actions, _cosines(taus, self.tau_layer.in_features))

    def _quantiles(self, embedding: Tensor, state: Tensor, actions: Tensor, cosines: Tensor) -> Tensor:
        """Logits [B, N, T] at the taus with these `cosines` [T, 64] or [B, T, 64]."""
        context = self.network.context(embedding, state).unsqueeze(1)
        vectors = self.head(context + self.action_layer(self._scaled_actions(actions)))
        weights = torch.relu(self.tau_layer(cosines.to(self._action_scale.dtype)))
        return torch.matmul(vectors, weights.transpose(-1, -2)).float()


def _cosines(taus: Tensor, count: int) -> Tensor:
    """cos(pi i tau) float32 [..., count] of taus [...]."""
    return torch.cos(torch.pi * taus.float().unsqueeze(-1) * torch.arange(count, device=taus.device))
