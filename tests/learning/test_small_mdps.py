"""The learner against the truth, on problems small enough for value iteration.

A corridor of four rooms. `right` moves right four times in five and otherwise stays; anything else moves left. Leaving
the last room pays 1 and ends the episode, leaving the first room pays 0.3 and ends it. The action's one continuous
number has no effect.
"""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from qtopt_agent.core.action import ActionSpace
from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.observation import Observation, ObservationSpec
from qtopt_agent.core.policy import Decision
from qtopt_agent.core.profile import Profile
from qtopt_agent.learning.bellman import bellman_targets
from qtopt_agent.learning.feed import Feed
from qtopt_agent.learning.learner import Learner
from qtopt_agent.learning.parts import make_network, training_maximizer
from qtopt_agent.learning.preset import load_preset
from qtopt_agent.maximizers import CEM, make_maximizer
from qtopt_agent.policies import ExploringPolicy
from qtopt_agent.replay.batch import Batch
from qtopt_agent.replay.spec import StoreSpec
from qtopt_agent.replay.store import TransitionStore

ROOMS, DISCOUNT, SLIP = 4, 0.8, 0.2
CORRIDOR = Profile(
    name="corridor",
    network="mlp",
    observation=ObservationSpec((0, 0), tuple(f"room_{i}" for i in range(ROOMS))),
    action_space=ActionSpace((-1.0,), (1.0,), choices=("right",)),
    max_steps=1000,
    step_cost=0.0,
    discount=DISCOUNT,
)


def outcomes(room: int, right: bool) -> list[tuple[float, float, int | None]]:
    """Chance, reward and next room (none after the end) of each thing that can happen."""
    if not right:
        return [(1.0, 0.3, None) if room == 0 else (1.0, 0.0, room - 1)]
    moved = (1 - SLIP, 1.0, None) if room == ROOMS - 1 else (1 - SLIP, 0.0, room + 1)
    return [moved, (SLIP, 0.0, room)]


def value_iteration() -> np.ndarray:
    q = np.zeros([ROOMS, 2])
    for _ in range(200):
        q = np.array(
            [
                [
                    sum(p * (r + (0 if after is None else DISCOUNT * q[after].max())) for p, r, after in outcomes(s, a))
                    for a in (False, True)
                ]
                for s in range(ROOMS)
            ]
        )
    return q


def draw(size: int, rng: np.random.Generator) -> Batch:
    """Transitions from uniformly random rooms and actions."""
    rooms, right = rng.integers(ROOMS, size=size), rng.random(size) < 0.5
    reward, terminal, following = np.zeros(size, np.float32), np.zeros(size, np.float32), rooms.copy()
    for i in range(size):
        chances = outcomes(rooms[i], right[i])
        _, reward[i], after = chances[rng.choice(len(chances), p=[p for p, _, _ in chances])]
        terminal[i], following[i] = after is None, rooms[i] if after is None else after
    nothing = np.zeros([size, 0, 0, 3], np.uint8)
    return Batch(
        image=nothing,
        state=np.eye(ROOMS, dtype=np.float32)[rooms],
        action=np.stack([rng.uniform(-1, 1, size), right], 1).astype(np.float32),
        reward=reward,
        terminal=terminal,
        next_image=nothing,
        next_state=np.eye(ROOMS, dtype=np.float32)[following],
        mc_return=np.zeros(size, np.float32),
        privileged=np.zeros([size, 0], np.float32),
        discount=(DISCOUNT * (1 - terminal)).astype(np.float32),
        rows=np.arange(size),
        weight=np.ones(size, np.float32),
        episode=np.arange(size),
        recorded=np.zeros(size, bool),
    )


def learned(learner: Learner) -> np.ndarray:
    """Q [ROOMS, 2] of the acting network, averaged over the number that has no effect."""
    numbers = torch.linspace(-1, 1, 5)
    network = learner.acting.eval()
    with torch.no_grad():
        columns = []
        for flag in (0.0, 1.0):
            actions = torch.stack([numbers, torch.full([5], flag)], 1).expand(ROOMS, 5, 2)
            embedding = network.encode(torch.zeros(ROOMS, 0, 0, 3, dtype=torch.uint8))
            columns.append(torch.sigmoid(network.evaluate(embedding, torch.eye(ROOMS), actions)).mean(1))
    return torch.stack(columns, 1).numpy()


@pytest.mark.parametrize(
    "settings",
    [
        {"target": "lagged_pair", "target_lag": 40},
        {"target": "polyak", "loss": "huber"},
        {"target": "hard", "target_period": 50, "double": True},
        {"target": "hard", "target_period": 50, "loss": "squared"},
        {"target": "fitted", "target_period": 200},
        {"target": "polyak", "q_function": "quantile"},
    ],
    ids=lambda settings: "-".join(str(value) for value in settings.values()),
)
def test_what_is_learned_is_what_value_iteration_says(settings):
    steps = {"fitted": 1200, "polyak": 900}.get(settings["target"], 600)
    preset = load_preset("lowdim").changed(
        **{"steps": steps, "ema_decay": 0.97, "learning_rate": 2e-3, "bf16": False, "symmetry": False}
        | {"mc_bound_until": 0.0, "cem_samples": 8, "cem_elites": 2, "cem_iterations": 1, "weight_decay": 0.0}
        | settings,
    )
    network = make_network(preset, CORRIDOR, seed=1)
    learner = Learner(preset, CORRIDOR, network, training_maximizer(preset, CORRIDOR), seed=1)
    rng = np.random.default_rng(0)
    for _ in range(steps):
        learner.step(draw(64, rng))
    truth, found = value_iteration(), learned(learner)
    assert (found.argmax(1) == truth.argmax(1)).all()
    assert np.abs(found - truth).max() < 0.06


def walk(number: int, rng: np.random.Generator) -> Episode:
    """An episode of a policy that goes left, but half of the time anywhere."""
    behaviour, room, steps = ExploringPolicy(GoesLeft(), CORRIDOR, epsilon=0.5), int(rng.integers(ROOMS)), []
    following: int | None = room
    while following is not None:
        seen = observe(room)
        decision = behaviour.decide(seen, rng)
        chances = outcomes(room, bool(decision.action[1]))
        _, reward, following = chances[rng.choice(len(chances), p=[chance for chance, _, _ in chances])]
        terminal = following is None
        steps.append(Step(seen, decision.action, decision.action, reward, terminal, log_density=decision.log_density))
        room = room if following is None else following
    return Episode(str(number), tuple(steps), observe(room), success=False)


def observe(room: int) -> Observation:
    return Observation(np.zeros([0, 0, 3], np.uint8), np.eye(ROOMS, dtype=np.float32)[room], 0.0)


class GoesLeft:
    name = "left"

    def decide(self, observation: Observation, rng: np.random.Generator) -> Decision:
        return Decision(np.zeros(2, np.float32), log_density=0.0)


@pytest.fixture(scope="module")
def walks() -> list[Episode]:
    rng = np.random.default_rng(0)
    return [walk(number, rng) for number in range(800)]


@pytest.mark.parametrize(
    ("settings", "agrees"),
    [
        ({"n_step": 4}, False),  # takes what the bad policy earned for the best that can be had
        ({"n_step": 4, "n_step_correction": "cut"}, True),
        ({"n_step": 4, "n_step_correction": "importance"}, True),
        ({"replay": "prioritised"}, True),
    ],
    ids=lambda settings: "-".join(str(value) for value in settings.values()) if isinstance(settings, dict) else "",
)
def test_from_episodes_of_a_bad_policy(settings, agrees, walks, tmp_path):
    preset = load_preset("lowdim").changed(
        **{"steps": 600, "ema_decay": 0.95, "learning_rate": 2e-3, "bf16": False, "symmetry": False}
        | {
            "target": "polyak",
            "mc_bound_until": 0.0,
            "maximizer": "grid",
            "grid_levels": (0.0, 0.1),
            "weight_decay": 0.0,
        }
        | {"epsilon": (0.0, 0.0), "noise": (0.0, 0.0), "batch_size": 64, "priority_correction": (1.0, 1.0)}
        | settings,
    )
    network = make_network(preset, CORRIDOR, seed=1)
    learner = Learner(preset, CORRIDOR, network, training_maximizer(preset, CORRIDOR), seed=1)
    store = TransitionStore(tmp_path, StoreSpec.of(CORRIDOR, 20_000))
    for episode in walks:
        store.append(episode)
    feed = Feed(learner, store, np.random.default_rng(0))
    for _ in range(preset.steps):
        feed.step()
    error = np.abs(learned(learner) - value_iteration()).max()
    assert error < 0.08 if agrees else error > 0.15


class NoisyTable(nn.Module):
    """Ten actions whose true value is 0.5, known with an error of 0.1; the errors of two tables are independent."""

    ACTIONS = 10

    def __init__(self, states: int, seed: int) -> None:
        super().__init__()
        noise = torch.randn([states, self.ACTIONS], generator=torch.Generator().manual_seed(seed))
        self.table = (0.5 + 0.1 * noise).clamp(0.01, 0.99)

    def encode(self, image: Tensor) -> Tensor:
        return torch.zeros(len(image), 0)

    def evaluate(self, embedding: Tensor, state: Tensor, actions: Tensor) -> Tensor:
        columns = ((actions[..., 0] + 1) / 2 * (self.ACTIONS - 1)).round().long()
        return torch.logit(self.table[state[:, 0].long()].gather(1, columns))


def bias(search: nn.Module, values: list[nn.Module], states: int) -> float:
    """Mean error of V over many states."""
    grid = make_maximizer("grid", ActionSpace((-1.0,), (1.0,)), levels=tuple(np.linspace(-1, 1, NoisyTable.ACTIONS)))
    targets = bellman_targets(
        search,
        values,
        grid,
        torch.zeros(states),
        torch.ones(states),
        torch.zeros(states, 0, 0, 3, dtype=torch.uint8),
        torch.arange(states, dtype=torch.float32)[:, None],
        torch.Generator().manual_seed(0),
    )
    return targets.mean().item() - 0.5


def test_double_q_takes_away_the_bias_of_a_maximum_over_noisy_values():
    states = 2000
    one, two = NoisyTable(states, 1), NoisyTable(states, 2)
    # The largest of ten standard normal numbers is 1.54 on average.
    assert bias(one, [one], states) == pytest.approx(0.154, abs=0.01)
    assert bias(one, [two], states) == pytest.approx(0.0, abs=0.01)
    assert bias(one, [one, two], states) < 0.01


def test_a_cem_search_is_as_biased_as_an_exhaustive_one():
    """Noise is found by any good maximiser, so it is the targets that have to guard against it."""
    states = 200
    table = NoisyTable(states, 1)
    state = torch.arange(states, dtype=torch.float32)[:, None]
    cem = CEM(ActionSpace((-1.0,), (1.0,)))
    found = cem(table, torch.zeros(states, 0), state, torch.Generator().manual_seed(0))
    assert found.q.mean().item() - 0.5 > 0.12
