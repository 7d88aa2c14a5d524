"""What holds for every kind of Q-function, whatever it computes."""

import copy

import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import COMPACT, LOWDIM, PAPER
from qtopt_agent.maximizers import CEM
from qtopt_agent.q_functions import QFunction, make_q_function

from .kinds import KINDS, PROFILES, observations, spread, valid_actions

each_kind = pytest.mark.parametrize("kind", KINDS)
each_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.name)


class Proposing(nn.Module):
    """`propose` as `forward`: what nothing calls is not compiled."""

    def __init__(self, q: QFunction) -> None:
        super().__init__()
        self.q = q

    def forward(self, embedding: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.q.propose(embedding, state)


class Quantiles(nn.Module):
    def __init__(self, q: QFunction) -> None:
        super().__init__()
        self.q = q

    def forward(self, embedding: Tensor, state: Tensor, actions: Tensor, taus: Tensor) -> Tensor:
        return self.q.quantiles(embedding, state, actions, taus)


@each_kind
@each_profile
def test_encoding_once_equals_the_whole_network_per_sample(kind, profile):
    q = spread(make_q_function(profile, kind=kind))
    (image, state), actions = observations(profile), valid_actions(profile)
    with torch.no_grad():
        once = q.evaluate(q.encode(image), state, actions)
        single = [[q(image[b, None], state[b, None], actions[b, None, n, None]) for n in range(5)] for b in range(3)]
    assert once.shape == (3, 5) and once.dtype == torch.float32
    assert once.std(1).min() > 1e-3, "the action must matter"
    torch.testing.assert_close(once, torch.tensor(single), rtol=1e-4, atol=1e-4)


@each_kind
@each_profile
def test_scripted_and_eager_agree(kind, profile):
    q = spread(make_q_function(profile, kind=kind))
    (image, state), actions = observations(profile), valid_actions(profile)
    torch.testing.assert_close(torch.jit.script(q)(image, state, actions), q(image, state, actions))
    inputs: tuple[torch.Tensor, ...] = (q.encode(image), state)
    if q.proposes:
        for eager, compiled in zip(q.propose(*inputs), torch.jit.script(Proposing(q))(*inputs), strict=True):
            torch.testing.assert_close(compiled, eager)
    if kind == "quantile":
        inputs = (*inputs, actions, torch.tensor([[0.1, 0.9]]).expand(3, 2))
        torch.testing.assert_close(torch.jit.script(Quantiles(q))(*inputs), q.quantiles(*inputs))


@each_kind
@each_profile
def test_half_precision_gives_nearly_the_same_float32_values(kind, profile):
    q = make_q_function(profile, kind=kind).eval()
    (image, state), actions = observations(profile), valid_actions(profile)
    with torch.no_grad():
        exact = q(image, state, actions)
        with torch.autocast("cpu", torch.bfloat16):
            cast = q(image, state, actions)
        converted = copy.deepcopy(q).to(torch.bfloat16)(image, state, actions)
    for logits in (cast, converted):
        assert logits.dtype == torch.float32
        torch.testing.assert_close(torch.sigmoid(logits), torch.sigmoid(exact), atol=0.02, rtol=0)


@each_kind
@pytest.mark.parametrize("profile", [COMPACT, LOWDIM], ids=lambda p: p.name)
def test_weights_survive_a_file(kind, profile):
    q, other = (make_q_function(profile, kind=kind, seed=seed).eval() for seed in (1, 2))
    other.load_state_dict(load(save({name: weight.contiguous() for name, weight in q.state_dict().items()})))
    (image, state), actions = observations(profile), valid_actions(profile)
    assert torch.equal(other(image, state, actions), q(image, state, actions))


@each_kind
def test_every_weight_learns(kind):
    q = make_q_function(COMPACT, aux_size=2, kind=kind)
    (image, state), actions = observations(COMPACT), valid_actions(COMPACT)
    embedding = q.encode(image)
    total = q.evaluate(embedding, state, actions).sum() + q.auxiliary(embedding, state).sum()
    if q.proposes:
        total = total + q.propose(embedding, state)[0].sum()
    total.backward()
    assert [name for name, weight in q.named_parameters() if weight.grad is None] == []


@each_kind
@each_profile
def test_the_cross_entropy_method_searches_it(kind, profile):
    q = spread(make_q_function(profile, kind=kind))
    (image, state), actions = observations(profile), valid_actions(profile, samples=64)
    cem = CEM(profile.action_space, samples=256, elites=10, iterations=4)
    with torch.no_grad():
        embedding = q.encode(image)
        best = cem(q, embedding, state, torch.Generator().manual_seed(0))
        assert (best.logit >= q.evaluate(embedding, state, actions).amax(1) - 1e-3).all()


def test_kinds_that_do_not_fit_are_refused():
    with pytest.raises(InvalidInput, match="unknown kind of Q-function 'dueling', expected one of scalar, quantile"):
        make_q_function(LOWDIM, kind="dueling")
    with pytest.raises(InvalidInput, match="'grasping44' comes as scalar only, not as naf"):
        make_q_function(PAPER, kind="naf")
    with pytest.raises(InvalidInput, match="a naf Q-function has no distribution"):
        make_q_function(LOWDIM, kind="naf", risk="cvar", risk_level=0.25)
    q = make_q_function(LOWDIM)
    with pytest.raises(InvalidInput, match="MlpQFunction proposes no actions"):
        q.propose(torch.zeros(1, 0), torch.zeros(1, 10))
