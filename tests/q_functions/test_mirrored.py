from dataclasses import replace

import pytest
import torch

from qtopt_agent.core.cell import Camera, Cell
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.mirrors import ACTION_NAMES, MIRRORS, signs
from qtopt_agent.core.profile import COMPACT, DETAILED, LOWDIM, PAPER
from qtopt_agent.maximizers import CEM
from qtopt_agent.policies.scripted_module import ScriptedPolicy, script_policy
from qtopt_agent.q_functions import MirroredQFunction, make_q_function


def observations(profile, batch=3, samples=5):
    generator = torch.Generator().manual_seed(0)
    image = torch.randint(0, 256, (batch, *profile.observation.image_size, 3), generator=generator, dtype=torch.uint8)
    state = torch.rand(batch, profile.observation.state_size, generator=generator)
    return image, state, torch.randn(batch, samples, 8, generator=generator)


@pytest.mark.parametrize("profile", [COMPACT, DETAILED, LOWDIM], ids=lambda profile: profile.name)
@pytest.mark.parametrize(("axis", "flipped"), MIRRORS, ids=["left-right", "up-down"])
def test_a_mirror_image_of_everything_has_the_same_value(profile, axis, flipped):
    q = MirroredQFunction(make_q_function(profile, seed=1), profile)
    image, state, actions = observations(profile)
    state_signs = torch.tensor(signs(profile.observation.state_names, flipped))
    there = q(image.flip(axis + 1), state * state_signs, actions * torch.tensor(signs(ACTION_NAMES, flipped)))
    torch.testing.assert_close(there, q(image, state, actions))


def test_a_camera_beside_the_palm_has_one_mirror_image_and_not_the_other():
    beside = replace(COMPACT, cell=Cell(camera=Camera(position=(0.0, -0.07, 0.105))))
    q = MirroredQFunction(make_q_function(beside, seed=1), beside)
    image, state, actions = observations(beside)
    assert q.encode(image).shape[:2] == (3, 2)
    for (axis, flipped), same in zip(MIRRORS, (True, False), strict=True):
        there = q(image.flip(axis + 1), state, actions * torch.tensor(signs(ACTION_NAMES, flipped)))
        assert torch.allclose(there, q(image, state, actions), atol=1e-5) == same


def test_the_network_alone_does_tell_mirror_images_apart():
    network = make_q_function(COMPACT, seed=1)
    image, state, actions = observations(COMPACT)
    flipped = actions * torch.tensor(signs(ACTION_NAMES, MIRRORS[0][1]))
    assert not torch.allclose(network(image.flip(2), state, flipped), network(image, state, actions), atol=1e-3)


def test_scripted_and_eager_agree():
    q = MirroredQFunction(make_q_function(COMPACT, seed=1), COMPACT)
    cem = CEM(COMPACT.action_space)
    image, state, _ = observations(COMPACT)
    for ours, theirs in zip(
        ScriptedPolicy(q, cem, COMPACT).eval().act(image, state, 7),
        script_policy(q, cem, COMPACT).act(image, state, 7),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["naf", "actor_critic"])
def test_what_one_view_proposes_is_not_offered_for_all(kind):
    q = MirroredQFunction(make_q_function(LOWDIM, kind=kind), LOWDIM)
    image, state, actions = observations(LOWDIM)
    assert q(image, state, actions).isfinite().all() and not q.proposes
    with pytest.raises(InvalidInput, match="MirroredQFunction proposes no actions"):
        q.propose(q.encode(image), state)


def test_a_fixed_camera_has_no_mirror_images():
    with pytest.raises(InvalidInput, match="'paper': its camera lies in no plane of the hand"):
        MirroredQFunction(make_q_function(PAPER), PAPER)
