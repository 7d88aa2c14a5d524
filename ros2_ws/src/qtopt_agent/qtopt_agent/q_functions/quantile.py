"""A Q-function that knows the whole distribution of the return, by its quantiles."""

from typing import Final

import torch
from torch import Tensor, nn

from qtopt_agent.core.profile import Profile
from qtopt_agent.q_functions.distortion import distort
from qtopt_agent.q_functions.network import WIDTH, ContextNetwork, NetworkQFunction, make_layers

COSINES: Final = 64
ACTING_QUANTILES = 32


class QuantileQFunction(NetworkQFunction):
    """Q2F-Opt (Bodnar et al. 2020, section 4): the tau-quantile of the return of (s, a), for any tau in 0..1.

    tau enters as in Dabney et al. 2018 (IQN), section 3.1: cos(pi i tau), i = 0..63, through one layer, times the
    vector of state and action. One linear layer follows, so that T quantiles cost one product of matrices.

    `evaluate` is the mean of the quantiles at 32 fixed taus, distorted by `risk` at `risk_level` (see `distort`): the
    same state and action always have the same value. What is learned does not depend on the risk, so the same weights
    can act under another one.
    """

    _acting_cosines: Tensor

    def __init__(
        self, network: ContextNetwork, profile: Profile, risk: str = "neutral", risk_level: float = 0.0
    ) -> None:
        """Raises InvalidInput as `distort` does."""
        super().__init__(network, profile)
        self.risk, self.risk_level = risk, risk_level
        network.drop_head()
        self.action_layer = nn.Linear(self.action_size, WIDTH, bias=False)
        self.joined_layers = make_layers(WIDTH)
        self.tau_layer = nn.Linear(COSINES, WIDTH)
        self.output = nn.Linear(WIDTH, 1)
        taus = distort(risk, risk_level, (torch.arange(ACTING_QUANTILES) + 0.5) / ACTING_QUANTILES)
        # The cosines and not the taus: bf16 has too few digits for the phase of the fast ones.
        self.register_buffer("_acting_cosines", _cosines(taus), persistent=False)

    def evaluate(self, embedding: Tensor, state: Tensor, actions: Tensor) -> Tensor:
        """Logits [B, N] of the mean quantile under the risk distortion."""
        quantiles = self._quantiles(self._joined(embedding, state, actions), self._acting_cosines)
        return torch.logit(torch.sigmoid(quantiles).mean(-1), eps=1e-6)

    def quantiles(self, embedding: Tensor, state: Tensor, actions: Tensor, taus: Tensor) -> Tensor:
        """Logits float32 [B, N, T] of the quantiles at `taus` [B, T] for actions [B, N, A]; without distortion."""
        return self._quantiles(self._joined(embedding, state, actions), _cosines(taus))

    def _joined(self, embedding: Tensor, state: Tensor, actions: Tensor) -> Tensor:
        context = self.network.context(embedding, state).unsqueeze(1)
        return torch.relu(self.joined_layers(context + self.action_layer(self._scaled_actions(actions))))

    def _quantiles(self, joined: Tensor, cosines: Tensor) -> Tensor:
        """Logits [B, N, T] from [B, N, 128] and the cosines [T, 64] or [B, T, 64]."""
        weight = self.tau_layer.weight
        taus = torch.relu(self.tau_layer(cosines.to(weight.dtype))) * self.output.weight
        return (torch.matmul(joined, taus.transpose(-1, -2)) + self.output.bias).float()


def _cosines(taus: Tensor) -> Tensor:
    """cos(pi i tau) float32 [..., 64] of taus [...]."""
    return torch.cos(torch.pi * taus.float().unsqueeze(-1) * torch.arange(COSINES, device=taus.device))
