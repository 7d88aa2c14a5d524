"""Shares on a simplex with caps: allowed, unchanged when allowed already, and the nearest."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.maximizers.projections import CappedSimplex


@st.composite
def limits(draw):
    """Caps of 2 to 8 shares in 1 to 3 groups that leave room for 1."""
    n, groups = draw(st.integers(2, 8)), draw(st.integers(1, 3))
    member = [draw(st.integers(0, groups - 1)) for _ in range(n)]
    caps = [draw(st.floats(0.0, 1.0)) for _ in range(n)]
    group_caps = [draw(st.floats(0.0, 1.0)) for _ in range(groups)]
    room = sum(min(sum(c for c, g in zip(caps, member, strict=True) if g == k), group_caps[k]) for k in range(groups))
    if room < 1.001:  # rather too much room than none
        caps, group_caps = [1.0] * n, [1.0] * groups
    return caps, member, group_caps


points = st.integers(0, 2**31 - 1).map(torch.Generator().manual_seed)


def violation(shares, caps, member, group_caps):
    groups = torch.zeros([*shares.shape[:-1], len(group_caps)], dtype=shares.dtype)
    groups = groups.index_add(-1, torch.tensor(member), shares)
    return max(
        float((shares.sum(-1) - 1).abs().max()),
        float(-shares.min()),
        float((shares - torch.tensor(caps)).max()),
        float((groups - torch.tensor(group_caps)).max()),
    )


@given(limits(), points, st.sampled_from([0.01, 1.0, 100.0]))
def test_every_point_lands_within_the_limits_and_stays_there(limit, generator, scale):
    project = CappedSimplex(*limit)
    shares = project(torch.randn([4, 5, len(limit[0])], generator=generator) * scale)
    assert violation(shares, *limit) < 1e-6
    torch.testing.assert_close(project(shares), shares, atol=1e-6, rtol=0)


@given(limits(), points)
def test_it_is_the_nearest_allowed_point(limit, generator):
    # p is the nearest to v within a convex set if (v - p).(w - p) <= 0 for every w of it.
    project, n = CappedSimplex(*limit), len(limit[0])
    v = torch.randn([n], generator=generator, dtype=torch.float64)
    p = project(v)
    others = project(torch.randn([200, n], generator=generator, dtype=torch.float64))
    assert float(((v - p) * (others - p)).sum(-1).max()) < 1e-9


def test_without_binding_caps_it_is_the_plain_simplex():
    project = CappedSimplex([1.0, 1.0, 1.0], [0, 0, 0], [1.0])
    torch.testing.assert_close(project(torch.tensor([0.5, 0.7, -1.0])), torch.tensor([0.4, 0.6, 0.0]))


def test_a_group_at_its_cap_leaves_the_rest_to_others():
    project = CappedSimplex([1.0] * 4, [0, 0, 1, 1], [0.5, 1.0])
    torch.testing.assert_close(project(torch.tensor([0.9, 0.8, 0.0, 0.1])), torch.tensor([0.3, 0.2, 0.2, 0.3]))


@pytest.mark.parametrize(
    ("caps", "groups", "group_caps", "message"),
    [
        ([0.5, 0.5], [0], [1.0], "expected 2 numbers"),
        ([0.5, 0.5], [0, 1], [1.0], "from 0 to 0"),
        ([0.5, 1.5], [0, 0], [1.0], "from 0 to 1"),
        ([0.5, float("nan")], [0, 0], [1.0], "from 0 to 1"),
        ([0.5, 0.5], [0, 1], [0.4, 0.5], "room for 0.9"),
    ],
)
def test_limits_that_make_no_sense_are_refused(caps, groups, group_caps, message):
    with pytest.raises(InvalidInput, match=message):
        CappedSimplex(caps, groups, group_caps)
