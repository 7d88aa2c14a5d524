"""Rates of a simulated ring, beside what can be worked out by hand."""

from dataclasses import replace

import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.speed.pipeline import Costs, Layout, best_layout, simulate

COSTS = Costs(batch=10, transitions=8, episode_s=0.4, draw_s=1e-4, label_s=0.02, step_s=0.05, transition_bytes=1000)


def test_updaters_are_the_bottleneck_until_there_are_enough_and_then_the_trainer_is():
    flows = {count: simulate(COSTS, Layout("", 1, 1, count)) for count in (1, 2, 4, 8)}
    rates = [flows[count].steps_per_s for count in flows]
    assert rates == pytest.approx([5, 10, 20, 20], rel=0.02)  # 1 / (10 x 0.02 s) an updater, 1 / 0.05 s the trainer
    assert [flows[count].bottleneck for count in (1, 2, 8)] == ["updaters", "updaters", "trainers"]
    assert flows[8].busy["updaters"] == pytest.approx(0.5, abs=0.02)


def test_a_trainer_that_waits_for_episodes_goes_at_their_pace():
    flow = simulate(COSTS, Layout("", 2, 1, 8, episodes_per_1000_steps=1000))
    assert flow.steps_per_s == pytest.approx(2 / 0.4, rel=0.02)
    assert flow.bottleneck == "collectors"
    assert flow.seen == pytest.approx(10 / 8, rel=0.02)


def test_robots_alone_feed_it_and_everything_is_seen_many_times():
    flow = simulate(COSTS, Layout("", 0, 1, 8, robots=7, robot_s=35.0))
    assert flow.episodes_per_s == pytest.approx(0.2)
    assert flow.seen == pytest.approx(20 * 10 / (0.2 * 8), rel=0.02)


def test_slow_draws_are_the_shards_and_more_of_them_help():
    slow = replace(COSTS, draw_s=0.02)
    one, four = simulate(slow, Layout("", 1, 1, 8)), simulate(slow, Layout("", 1, 4, 8))
    assert (one.bottleneck, four.bottleneck) == ("shards", "trainers")
    assert four.steps_per_s == pytest.approx(4 * one.steps_per_s, rel=0.02)


def test_targets_grow_old_with_the_number_of_updaters_that_work_ahead():
    few, many = (simulate(COSTS, Layout("", 1, 1, count, oldest_target=10_000)).target_age for count in (4, 40))
    assert many > 5 * few > 0


def test_no_target_gets_older_than_the_layout_allows_and_updaters_wait_for_it():
    free, held = (simulate(COSTS, Layout("", 1, 1, 40, oldest_target=oldest)) for oldest in (10_000, 100))
    assert held.target_age < 100 < free.target_age
    assert held.steps_per_s == pytest.approx(20, rel=0.02)
    assert simulate(COSTS, Layout("", 1, 1, 40, oldest_target=10)).bottleneck == "oldest_target"


@pytest.mark.parametrize("cores", [3, 8])
@pytest.mark.parametrize("due", [0.0, 500.0])
def test_no_other_split_of_the_cores_is_faster_than_the_best(cores, due):
    best = best_layout(COSTS, cores, due)
    rate = simulate(COSTS, best).steps_per_s
    others = best.collectors + best.updaters
    for updaters in range(1, others):
        other = replace(best, collectors=others - updaters, updaters=updaters)
        assert simulate(COSTS, other).steps_per_s < 1.03 * rate


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"updaters": 0}, "updaters is 0"), ({"trainers": -1}, "trainers is -1"), ({"robots": -1}, "-1 robots")],
)
def test_a_ring_with_a_stage_missing_is_refused(changes, named):
    with pytest.raises(InvalidInput, match=named):
        Layout(**{"name": "", "collectors": 1, "shards": 1, "updaters": 1} | changes)


def test_two_cores_are_too_few_for_a_ring():
    with pytest.raises(InvalidInput, match="2 cores: expected at least 3"):
        best_layout(COSTS, 2, 0.0)
