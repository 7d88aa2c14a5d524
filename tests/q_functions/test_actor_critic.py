import itertools

import pytest
import torch

from qtopt_agent.q_functions import make_q_function

from .kinds import PROFILES, observations, proposed_actions, spread, valid_actions

each_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.name)


@each_profile
def test_a_gradient_step_of_the_actor_raises_q(profile):
    q = spread(make_q_function(profile, kind="actor_critic"), factor=1.0)
    image, state = observations(profile, batch=32)
    optimizer = torch.optim.SGD(q.actor_parameters(), 1e-3)
    embedding = q.encode(image).detach()

    def value() -> torch.Tensor:
        return q.evaluate(embedding, state, proposed_actions(q, profile, embedding, state)).mean()

    values = [value()]
    for _ in range(5):
        (-value()).backward(inputs=q.actor_parameters())
        optimizer.step()
        optimizer.zero_grad()
        values.append(value())
    assert all(after > before for before, after in itertools.pairwise(values))


@each_profile
def test_actor_and_critic_share_out_the_weights(profile):
    q = make_q_function(profile, kind="actor_critic")
    (image, state), actions = observations(profile), valid_actions(profile)
    actor, critic = q.actor_parameters(), q.critic_parameters()
    assert {id(p) for p in actor}.isdisjoint(id(p) for p in critic)
    assert len(actor) + len(critic) == len(list(q.parameters()))
    q(image, state, actions).sum().backward()
    assert all(p.grad is None for p in actor)
    q.zero_grad()
    q.propose(q.encode(image), state)[0].sum().backward()
    assert all(p.grad is None for p in critic) and all(p.grad is not None for p in actor)


@each_profile
def test_proposals_start_in_the_middle_and_stay_inside(profile):
    q = make_q_function(profile, kind="actor_critic")
    image, state = observations(profile)
    unit, choice = q.propose(q.encode(image), state)
    modes = len(profile.action_space.choices) + 1
    assert unit.shape[:2] == (3, modes) and unit.abs().max() < 0.1
    assert choice.tolist() == [list(range(modes))] * 3 and choice.dtype == torch.int64
    unit, _ = spread(q, factor=20).propose(q.encode(image), state)
    assert unit.abs().max() <= 1
