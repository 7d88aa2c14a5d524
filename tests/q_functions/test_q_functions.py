import dataclasses

import pytest
import torch

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import ObservationSpec
from qtopt_agent.core.profile import COMPACT, LOWDIM, PAPER
from qtopt_agent.q_functions import make_q_function

SMALL = [COMPACT, LOWDIM]


def _inputs(profile, batch=3, samples=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    image = torch.randint(0, 256, [batch, *profile.observation.image_size, 3], dtype=torch.uint8, generator=generator)
    state = torch.rand([batch, profile.observation.state_size], generator=generator)
    return image, state, torch.rand([batch, samples, profile.action_space.size], generator=generator)


@pytest.mark.parametrize("profile", [COMPACT, LOWDIM, PAPER], ids=lambda p: p.name)
def test_encoding_once_equals_the_whole_network_per_sample(profile, paper_q):
    q = paper_q if profile is PAPER else make_q_function(profile).eval()
    image, state, actions = _inputs(profile, batch=2, samples=3)
    with torch.no_grad():
        once = q.evaluate(q.encode(image), state, actions)
        per_sample = torch.stack([q(image, state, actions[:, i : i + 1])[:, 0] for i in range(3)], 1)
    assert once.shape == (2, 3)
    assert once.std(1).min() > 1e-3, "the action must matter"
    torch.testing.assert_close(once, per_sample, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("profile", SMALL, ids=lambda p: p.name)
def test_states_of_a_batch_do_not_touch_each_other(profile):
    q = make_q_function(profile).eval()
    image, state, actions = _inputs(profile)
    with torch.no_grad():
        alone = torch.cat([q(image[i : i + 1], state[i : i + 1], actions[i : i + 1]) for i in range(3)])
        torch.testing.assert_close(q(image, state, actions), alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("profile", SMALL, ids=lambda p: p.name)
def test_half_precision_gives_nearly_the_same_float32_logits(profile):
    q = make_q_function(profile).eval()
    inputs = _inputs(profile)
    with torch.no_grad():
        exact = q(*inputs)
        with torch.autocast("cpu", torch.bfloat16):
            cast = q(*inputs)
        converted = q.to(torch.bfloat16)(*inputs)
    for logits in (cast, converted):
        assert logits.dtype == torch.float32
        torch.testing.assert_close(logits, exact, atol=0.02, rtol=0.02)


def test_the_seed_alone_decides_the_weights():
    torch.manual_seed(7)
    state = torch.get_rng_state()
    a, b, other = (make_q_function(COMPACT, seed=seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert not torch.equal(a["image_layer.weight"], other["image_layer.weight"])


def test_inputs_in_metres_reach_the_network_with_order_one():
    q = make_q_function(COMPACT)
    space = COMPACT.action_space
    corner = torch.tensor([*space.high, 0.0, 1.0, 0.0, 0.0, 1.0])
    assert q._scaled_actions(corner).tolist() == pytest.approx([1, 1, 1, 0, 1, 0, 0, 1])
    # aperture and height in m are divided by 0.1 m, the others are left alone
    assert q._scaled_state(torch.tensor([0.08, 0.2, 1.0, 0.5])).tolist() == pytest.approx([0.8, 2, 1, 0.5])


def test_auxiliary_loss_trains_the_image_and_state_features_only():
    q = make_q_function(COMPACT, aux_size=6)
    image, state, _ = _inputs(COMPACT)
    predicted = q.auxiliary(q.encode(image), state)
    assert predicted.shape == (3, 6)
    predicted.square().mean().backward()
    touched = {name.split(".")[0] for name, p in q.named_parameters() if p.grad is not None}
    assert touched == {"convolutions", "image_layer", "state_layer", "fused_layer", "auxiliary_head"}


def test_auxiliary_is_refused_where_there_is_none():
    q = make_q_function(COMPACT)
    image, state, _ = _inputs(COMPACT)
    with pytest.raises(InvalidInput, match="aux_size=0"):
        q.auxiliary(q.encode(image), state)
    with pytest.raises(InvalidInput, match="no auxiliary output"):
        make_q_function(LOWDIM).auxiliary(torch.zeros(1, 0), torch.zeros(1, 10))
    with pytest.raises(InvalidInput, match="aux_size 2"):
        make_q_function(LOWDIM, aux_size=2)


@pytest.mark.parametrize("size", [(48, 48), (64, 96)])
def test_compact_takes_other_image_sizes(size):
    profile = dataclasses.replace(COMPACT, observation=ObservationSpec(size, COMPACT.observation.state_names))
    assert make_q_function(profile)(*_inputs(profile)).shape == (3, 5)


def test_unknown_network_and_image_size_are_refused():
    with pytest.raises(InvalidInput, match="unknown network 'resnet', expected one of grasping44"):
        make_q_function(dataclasses.replace(COMPACT, network="resnet"))
    tiny = dataclasses.replace(COMPACT, observation=ObservationSpec((16, 16), ("closed",)))
    with pytest.raises(InvalidInput, match="16x16"):
        make_q_function(tiny)
