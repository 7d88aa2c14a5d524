import pytest
import torch

from qtopt_agent.maximizers import CEM
from qtopt_agent.maximizers.action_code import ActionCode
from qtopt_agent.q_functions import make_q_function

from .kinds import FULL_TURN, PROFILES, observations, proposed_actions, spread


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.name)
def test_nothing_in_a_mode_is_better_than_what_is_proposed_for_it(profile, seed):
    q = spread(make_q_function(profile, kind="naf"), seed, factor=1.5)
    image, state = observations(profile, batch=4, seed=seed)
    code = ActionCode(profile.action_space)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        embedding = q.encode(image)
        unit, choice = q.propose(embedding, state)
        highest = q.evaluate(embedding, state, code.decode(unit, choice))
        assert unit.shape == (4, code.choices, code.unit_size) and unit.abs().max() <= 1
        for mode in range(code.choices):
            near = unit[:, mode, None] + 0.1 * torch.randn([4, 200, code.unit_size], generator=generator)
            far = 2 * torch.rand([4, 200, code.unit_size], generator=generator) - 1
            others = code.decode(torch.cat([near, far], 1).clamp(-1, 1), torch.full([4, 400], mode))
            assert (q.evaluate(embedding, state, others) <= highest[:, mode, None] + 1e-4).all()


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.name)
def test_a_long_search_ends_where_the_proposal_is(profile):
    q = spread(make_q_function(profile, kind="naf"), factor=1.0)
    image, state = observations(profile)
    with torch.no_grad():
        embedding = q.encode(image)
        found = CEM(profile.action_space, 256, 16, 8)(q, embedding, state, torch.Generator().manual_seed(0))
        highest = q.evaluate(embedding, state, proposed_actions(q, profile, embedding, state)).amax(1)
    torch.testing.assert_close(found.logit, highest, atol=0.02, rtol=0)


def test_logits_are_the_quadratic_of_the_published_equation():
    q = spread(make_q_function(FULL_TURN, kind="naf"), factor=1.0)
    image, state = observations(FULL_TURN, batch=1)
    code = ActionCode(FULL_TURN.action_space)
    unit = torch.tensor([[[0.3, -0.9, 0.2, 0.1]]])
    with torch.no_grad():
        embedding = q.encode(image)
        for mode in range(4):
            value, best, lower = (x[0, mode] for x in q._quadratics(embedding, state))
            logit = q.evaluate(embedding, state, code.decode(unit, torch.tensor([[mode]])))
            offset = unit[0, 0] - best
            expected = value - offset @ (lower @ lower.T) @ offset / 2
            torch.testing.assert_close(logit[0, 0], expected, atol=1e-4, rtol=1e-4)
            assert (lower.diagonal() > 0).all() and (lower.triu(1) == 0).all()
