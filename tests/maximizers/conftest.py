"""Action spaces and a projection to search in."""

import math

import torch
from hypothesis import strategies as st

from qtopt_agent.core.action import ActionSpace

action_spaces = st.builds(
    lambda bounds, angles, flags: ActionSpace(
        tuple(low for low, _ in bounds),
        tuple(low + width for low, width in bounds),
        tuple(angles),
        tuple("abc"[:flags]),
    ),
    st.lists(st.tuples(st.floats(-2, 2), st.floats(0.01, 4)), min_size=1, max_size=3),
    st.lists(st.floats(0.1, math.pi) | st.just(math.pi), max_size=2),
    st.integers(0, 3),
)


class KeepDown(torch.nn.Module):
    """Nothing may move up, and a hand that stops must not move."""

    def forward(self, actions):
        stays = 1 - actions[..., 7:8]
        moved = torch.cat([actions[..., :2], actions[..., 2:3].clamp(max=0.0)], -1) * stays
        return torch.cat([moved, actions[..., 3:]], -1)
