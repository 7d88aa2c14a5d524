import numpy as np
import pytest
import torch

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import get_profile
from qtopt_agent.learning.checkpoint import load_checkpoint, save_checkpoint
from qtopt_agent.learning.learner import Learner
from qtopt_agent.learning.preset import load_preset
from qtopt_agent.maximizers import CEM
from qtopt_agent.q_functions import make_q_function
from qtopt_agent.replay.batch import Batch

PRIVILEGED = 2


def make_learner(profile: str = "compact", seed: int = 0, **changes: object) -> Learner:
    settings = dict(steps=100, batch_size=32, target_lag=4, symmetry=False, mc_bound_until=0.0, bf16=False)
    preset = load_preset(profile).changed(**{**settings, **changes})
    space = get_profile(profile).action_space
    network = make_q_function(get_profile(profile), PRIVILEGED if preset.loss.auxiliary_weight else 0, seed)
    learner = Learner(preset, get_profile(profile), network, CEM(space, samples=8, elites=2, iterations=2), seed)
    learner.fit_auxiliary(np.array([[0, 5], [2, 5.2]], np.float32))
    return learner


def make_batch(seed: int, profile: str = "compact", size: int = 32) -> Batch:
    """Random one-step episodes: closing the jaw earns 1, anything else nothing."""
    rng = np.random.default_rng(seed)
    observation, space = get_profile(profile).observation, get_profile(profile).action_space
    action = np.stack([space.sample(rng) for _ in range(size)])
    reward = (action[:, 5] > 0.5).astype(np.float32)

    def seen() -> tuple[np.ndarray, np.ndarray]:
        image = rng.integers(0, 256, (size, *observation.image_size, 3), dtype=np.uint8)
        return image, rng.random((size, observation.state_size), dtype=np.float32)

    (image, state), (next_image, next_state) = seen(), seen()
    terminal = np.ones(size, np.float32)
    privileged = state[:, :PRIVILEGED]
    discount, rows, weight = np.zeros(size, np.float32), np.arange(size), np.ones(size, np.float32)
    return Batch(
        *(image, state, action, reward, terminal, next_image, next_state, reward, privileged),
        *(discount, rows, weight, rows, np.zeros(size, bool)),
    )


def networks(learner: Learner) -> list[dict[str, torch.Tensor]]:
    return [n.state_dict() for n in (learner.network, *learner.targets.networks)]


def same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], two[name]) for name in one)


@pytest.fixture(autouse=True)
def instructions_for_bf16(monkeypatch):
    """Whatever machine this is: one without emulates them."""
    monkeypatch.setattr("qtopt_agent.learning.learner.calculates_in_bf16", lambda device: True)


@pytest.mark.parametrize("bf16", [False, True])
def test_q_learns_which_action_pays(bf16):
    learner = make_learner("lowdim", auxiliary_weight=0.0, bf16=bf16, learning_rate=3e-3, ema_decay=0.5)
    for i in range(100):
        metrics = learner.step(make_batch(i, "lowdim"))
    assert metrics["td_error"] < 0.1
    batch = make_batch(1000, "lowdim")
    state, action = torch.from_numpy(batch.state), torch.from_numpy(batch.action)
    acting = learner.targets.first
    with torch.no_grad():
        q = torch.sigmoid(acting.evaluate(acting.encode(torch.from_numpy(batch.image)), state, action[:, None]))[:, 0]
    assert q[batch.reward == 1].min() > 0.7 > 0.3 > q[batch.reward == 0].max()


def test_the_auxiliary_loss_learns_what_is_normalised():
    learner = make_learner(auxiliary_weight=1.0)
    batch = make_batch(0)
    losses = [learner.step(batch)["auxiliary"].item() for _ in range(40)]
    assert losses[-1] < 0.3 * losses[0]


def test_the_mask_loss_learns_which_parts_of_a_picture_show_objects():
    learner = make_learner("detailed", auxiliary_weight=0.0)
    batch = make_batch(0, "detailed", 16)
    mask = np.random.default_rng(1).integers(0, 2, (16, 8, 8), dtype=np.uint8) * 255
    bright = np.kron(mask, np.ones((8, 8), np.uint8))[..., None]
    batch = batch._replace(image=np.broadcast_to(bright, (16, 64, 64, 3)).copy(), mask=mask)
    losses = [learner.step(batch)["mask"].item() for _ in range(60)]
    assert losses[-1] < 0.5 * losses[0]
    with pytest.raises(InvalidInput, match="needs a store with masks"):
        learner.step(batch._replace(mask=None))


def test_the_auxiliary_loss_asks_for_its_scale():
    preset = load_preset("compact").changed(bf16=False)
    profile = get_profile("compact")
    learner = Learner(preset, profile, make_q_function(profile, PRIVILEGED), CEM(profile.action_space, 4, 2, 1), 0)
    with pytest.raises(InvalidInput, match="fit_auxiliary"):
        learner.step(make_batch(0))


def test_the_monte_carlo_return_bounds_the_target_only_early():
    learner = make_learner(steps=4, mc_bound_until=0.5)
    unrewarded = make_batch(0)._replace(reward=np.zeros(32, np.float32), mc_return=np.full(32, 0.9, np.float32))
    targets = [learner.step(unrewarded)["target"].item() for _ in range(4)]
    assert targets == pytest.approx([0.9, 0.9, 0.0, 0.0])


@pytest.mark.parametrize("settings", [{}, {"bf16": True}, {"optimizer": "sgd"}])
def test_stopping_and_resuming_changes_nothing_not_even_the_last_bit(tmp_path, settings):
    bootstrapping = [make_batch(i)._replace(discount=np.full(32, 0.95, np.float32)) for i in range(9)]
    straight = make_learner(**settings)
    for batch in bootstrapping:
        straight.step(batch)

    stopped = make_learner(**settings)
    for batch in bootstrapping[:5]:
        stopped.step(batch)
    save_checkpoint(tmp_path / "checkpoint.pt", stopped.state_dict())
    resumed = make_learner(seed=99, **settings)
    resumed.load_state_dict(load_checkpoint(tmp_path / "checkpoint.pt"))
    for batch in bootstrapping[5:]:
        resumed.step(batch)

    assert resumed.step_count == straight.step_count == 9
    assert all(same(a, b) for a, b in zip(networks(straight), networks(resumed), strict=True))


def test_a_checkpoint_restores_each_network_as_itself(tmp_path):
    learner = make_learner()
    for i in range(7):
        learner.step(make_batch(i))
    online, first, second = networks(learner)
    assert not same(online, first) and not same(first, second) and not same(online, second)
    save_checkpoint(tmp_path / "checkpoint.pt", learner.state_dict())
    other = make_learner(seed=5)
    other.load_state_dict(load_checkpoint(tmp_path / "checkpoint.pt"))
    assert all(same(a, b) for a, b in zip(networks(learner), networks(other), strict=True))


def test_the_second_target_network_lags_behind_the_first():
    learner = make_learner(ema_decay=0.5)
    history = []
    for i in range(9):
        history.append({name: value.clone() for name, value in networks(learner)[1].items()})
        learner.step(make_batch(i))
    assert same(networks(learner)[2], history[9 - 4])  # target_lag is 4


def test_the_learning_rate_falls_along_a_cosine():
    learner = make_learner(learning_rate=1e-3, final_learning_rate=1e-4)
    rates = []
    for step in (0, 50, 100):
        learner.step_count = step
        rates.append(learner.learning_rate())
    assert rates == pytest.approx([1e-3, 5.5e-4, 1e-4])


def test_the_staircase_multiplies_the_rate():
    learner = make_learner(
        learning_rate=1.0, final_learning_rate=1.0, learning_rate_decay=0.5, learning_rate_decay_steps=10
    )
    learner.step_count = 25
    assert learner.learning_rate() == 0.25


def test_a_gradient_that_is_not_finite_stops_learning_before_the_weights_are_touched():
    learner = make_learner(auxiliary_weight=0.0)
    before = {name: value.clone() for name, value in learner.network.state_dict().items()}
    bad = make_batch(0)._replace(state=np.full((32, 4), np.inf, np.float32))
    with pytest.raises(InvalidInput, match="not finite"):
        learner.step(bad)
    assert same(before, learner.network.state_dict())
