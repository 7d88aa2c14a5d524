"""Batches are made of the run's own simulation, folders of recorded episodes and a person's steps, by their shares."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.observation import Observation
from qtopt_agent.learning.feed import Feed
from qtopt_agent.learning.preset import load_preset
from qtopt_agent.replay.spec import OFF_POLICY, ON_POLICY, PERSON, RECORDED, StoreSpec
from qtopt_agent.replay.store import TransitionStore

SPEC = StoreSpec(5_000, (4, 4), 2, 3, 2, 0.9, mask_size=2)


def episode(steps: int, by_person: tuple[int, ...] = (), simulated: bool = False) -> Episode:
    known = {"privileged": np.ones(2, np.float32), "mask": np.ones((2, 2), np.uint8)} if simulated else {}
    seen = Observation(np.zeros((4, 4, 3), np.uint8), np.zeros(2, np.float32), 0.0, **known)
    asked, done = np.zeros(3, np.float32), np.ones(3, np.float32)
    steps_taken = [
        Step(seen, asked, done, 0.0, t == steps - 1, log_density=0.5, by_person=t in by_person) for t in range(steps)
    ]
    return Episode("e", tuple(steps_taken), seen, True)


def feed(tmp_path, recorded: list[float], **settings: object) -> tuple[Feed, TransitionStore]:
    preset = load_preset("compact").changed(on_policy_share=[0.8, 0.8], **settings)
    store = TransitionStore(tmp_path / "store", SPEC)
    learner = SimpleNamespace(preset=preset, progress=0.0)
    return Feed(learner, store, np.random.default_rng(0), recorded), store


def sources(store: TransitionStore, feed: Feed, size: int = 8_000) -> dict[int, float]:
    rows = store.sample(size, np.random.default_rng(0), feed.shares()).rows
    found = np.asarray(store._columns["source"])[rows]
    return {int(source): float(np.mean(found == source)) for source in np.unique(found)}


def test_each_source_has_its_share_of_a_batch(tmp_path):
    made, store = feed(tmp_path, [0.3, 0.1])
    store.append(episode(10, simulated=True), OFF_POLICY)
    for _ in range(100):
        store.append(episode(10, simulated=True), ON_POLICY)
    store.append(episode(2), RECORDED)
    store.append(episode(40), RECORDED + 1)
    expected = {OFF_POLICY: 0.12, ON_POLICY: 0.48, RECORDED: 0.3, RECORDED + 1: 0.1}
    assert sources(store, made) == pytest.approx(expected, abs=0.02)


def test_without_recorded_episodes_nothing_changes(tmp_path):
    made, store = feed(tmp_path, [])
    store.append(episode(10, simulated=True), ON_POLICY)
    assert made.shares() is None
    for _ in range(100):
        store.append(episode(10, simulated=True), ON_POLICY)
    assert made.shares() == pytest.approx({OFF_POLICY: 0.2, ON_POLICY: 0.8})


@pytest.mark.parametrize(("steps", "share"), [((3,), 0.25), (tuple(range(18)), 0.5 * 18 / 20)])
def test_a_persons_steps_have_at_least_their_share_wherever_they_are_in_an_episode(tmp_path, steps, share):
    made, store = feed(tmp_path, [0.5], person_share=0.25)
    store.append(episode(20, simulated=True), ON_POLICY)
    store.append(episode(20, steps), RECORDED)
    found = sources(store, made)
    assert found[PERSON] == pytest.approx(share, abs=0.02) and store.transitions(PERSON) == len(steps)
    assert found[RECORDED] == pytest.approx(0.5 * (1 - share), abs=0.02)


def test_a_full_store_forgets_a_persons_steps_with_their_episode(tmp_path):
    store = TransitionStore(tmp_path / "small", replace(SPEC, capacity=50))
    for number in range(30):
        store.append(episode(9, (0, 4, 5)), RECORDED + number % 2)
        held = store.episodes_held
        assert store.transitions(PERSON) == 3 * held and store.transitions() == 9 * held
    again = TransitionStore(tmp_path / "small", replace(SPEC, capacity=50))
    assert again.transitions(PERSON) == store.transitions(PERSON)
    assert len(again.outcomes(RECORDED)) + len(again.outcomes(RECORDED + 1)) == again.episodes_held


def test_recorded_rows_say_that_nobody_knows_what_a_simulator_would(tmp_path):
    _, store = feed(tmp_path, [0.5])
    store.append(episode(5, simulated=True), ON_POLICY)
    store.append(episode(5, simulated=True), RECORDED)
    store.append(episode(5), RECORDED)
    batch = store.sample(300, np.random.default_rng(0))
    assert (batch.recorded == (batch.rows > 5)).all()
    assert (np.isnan(batch.privileged).all(1) == (batch.rows > 11)).all()


@pytest.mark.parametrize("executed", [False, True])
def test_what_was_executed_is_learned_from_where_asked_and_its_density_is_unknown(tmp_path, executed):
    _, store = feed(tmp_path, [1.0])
    store.append(episode(5), RECORDED, executed)
    batch = store.sample(50, np.random.default_rng(0))
    assert (batch.action == float(executed)).all()
    assert np.isnan(store.sequences(batch.rows, 1).log_density).all() == executed
