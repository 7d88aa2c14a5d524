"""What the actors are made of, without Ray: shards that die, folders with broken episodes, draws from many shards."""

import os
import shutil
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import LOWDIM
from qtopt_agent.core.ranges import meaning
from qtopt_agent.episodes.reader import find_episodes, iter_episodes
from qtopt_agent.episodes.writer import EpisodeWriter
from qtopt_agent.learning.preset import Preset, load_preset
from qtopt_agent.replay.spec import OFF_POLICY, ON_POLICY, RECORDED
from qtopt_agent.rollouts.episode_runner import EpisodeRunner
from qtopt_agent.simulation import make_robot
from qtopt_agent.simulation.scripted import ScriptedPolicy
from qtopt_agent.training.distributed.collector import Collector
from qtopt_agent.training.distributed.draws import batches, draws
from qtopt_agent.training.distributed.log_reader import LogReader
from qtopt_agent.training.distributed.scale import Scale, cores, make_scale
from qtopt_agent.training.distributed.session import LOCAL, ray_session
from qtopt_agent.training.distributed.shard import Shard
from qtopt_agent.training.distributed.taken import Taken
from qtopt_agent.training.distributed.updater import Updater
from qtopt_agent.training.initial import make_learner, store_spec
from qtopt_agent.training.worker import Order


@pytest.fixture(scope="module")
def preset() -> Preset:
    return load_preset("lowdim").changed(batch_size=8, steps=20)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four scripted episodes, whose names are their seeds."""
    folder = tmp_path_factory.mktemp("episodes")
    robot = make_robot(LOWDIM)
    runner, writer = EpisodeRunner(robot, LOWDIM, robot.succeeded), EpisodeWriter(folder)
    for seed in range(4):
        writer.write(runner.run(ScriptedPolicy(LOWDIM), np.random.default_rng(seed), seed, f"e{seed}"))
    return folder


@pytest.fixture(scope="module")
def episodes(recorded):
    return list(iter_episodes(recorded))


def make_shard(folder: Path, preset: Preset) -> Shard:
    return Shard(folder, store_spec(preset, 500), True, False)


def test_a_list_of_episodes_that_a_dying_shard_took_in_part_is_there_once_in_the_end(tmp_path, preset, episodes):
    make_shard(tmp_path, preset).append(0, [OFF_POLICY] * 2, episodes[:2])
    held = make_shard(tmp_path, preset).append(0, [OFF_POLICY] * 3 + [ON_POLICY], episodes)
    assert (held.episodes, held.recorded) == (4, 0)
    assert held.transitions[ON_POLICY] == len(episodes[3].steps)
    assert sum(held.transitions) == sum(len(episode.steps) for episode in episodes)


def test_a_recorded_episode_is_taken_once_however_often_the_shard_dies(tmp_path, preset, episodes):
    names = ["a", "b", "a name\nof two lines"]
    make_shard(tmp_path, preset).append_recorded([RECORDED] * 2, names[:2], episodes[:2])
    Taken(tmp_path, 2).note(names[2], 2)  # and then it was killed, before the episode was written
    shard = make_shard(tmp_path, preset)
    assert shard.held().recorded == 2
    held = shard.append_recorded([RECORDED] * 3, names, episodes[:3])
    assert (held.episodes, held.recorded) == (3, 3)
    assert make_shard(tmp_path, preset).held() == held


def test_a_reader_goes_on_where_the_shards_are_and_finds_what_is_new(tmp_path, preset, recorded):
    folder, shards = tmp_path / "robot", [tmp_path / "replay", tmp_path / "replay-1"]
    shutil.copytree(recorded, folder)
    made = [make_shard(path, preset) for path in shards]

    def read_all(reader: LogReader) -> list[str]:
        names: list[str] = []
        while not (answer := reader.read(3, 0.0))[0].all_read:
            read, found = answer
            made[read.shard].append_recorded(read.sources, read.names, found)
            names += read.names
        return names

    spec = store_spec(preset, 500)
    reader = LogReader(preset, [folder], shards, spec, 0.0)
    assert sorted(read_all(reader)) == [str(path) for path in find_episodes(folder)]
    assert sum(shard.held().episodes for shard in made) == 4
    shutil.copytree(next(find_episodes(recorded)), folder / "new")
    assert read_all(reader) == [str(folder / "new")]
    read_all(LogReader(preset, [folder], shards, spec, 0.0))  # started again: what it gives twice is taken once
    assert sum(shard.held().episodes for shard in made) == 5


def test_a_corrupt_episode_is_named_once_and_harms_no_other(tmp_path, preset, recorded):
    folder = tmp_path / "robot"
    shutil.copytree(recorded, folder)
    broken = next(next(find_episodes(folder)).glob("*.mcap"))
    broken.write_bytes(broken.read_bytes()[:-100])
    reader = LogReader(preset, [folder], [tmp_path / "replay"], store_spec(preset, 500), 0.0)
    read, episodes = reader.read(16, 0.0)
    assert len(episodes) == len(read.names) == 3
    assert len(read.skipped) == 1 and str(broken) in read.skipped[0]
    assert reader.read(16, 0.0)[0].skipped == []


def test_an_episode_of_another_profile_is_left_out_by_the_reader_and_never_reaches_a_shard(tmp_path, recorded):
    preset = load_preset("compact")
    reader = LogReader(preset, [recorded], [tmp_path / "replay"], store_spec(preset, 500), 0.0)
    read, episodes = reader.read(16, 0.0)
    assert not episodes and len(read.skipped) == 4
    assert "lowdim" in read.skipped[0]


def test_draws_from_shards_of_different_sizes_are_uniform_over_all_transitions_of_a_source():
    counts = np.zeros((3, 4), np.int64)
    counts[:, OFF_POLICY], counts[:, ON_POLICY] = [1_000, 3_000, 0], [500, 0, 2_500]
    rng, found = np.random.default_rng(5), np.zeros((3, 2))
    for _ in range(200):
        for shard, size, shares in draws(1_000, counts, {OFF_POLICY: 0.4, ON_POLICY: 0.6}, rng):
            off, on = shares.get(OFF_POLICY, 0.0), shares.get(ON_POLICY, 0.0)
            found[shard, 0] += size * off / (off + on)
            found[shard, 1] += size * on / (off + on)
    expected = 200_000 * np.array([[0.1, 0.1], [0.3, 0.0], [0.0, 0.5]])
    per_shard = chisquare(found.sum(1), expected.sum(1))
    assert per_shard.pvalue > 0.001
    np.testing.assert_allclose(found, expected, rtol=0.02)


def test_a_source_that_no_shard_holds_leaves_its_share_to_the_others():
    counts = np.zeros((2, 4), np.int64)
    counts[:, OFF_POLICY] = 5, 10
    drawn = draws(100, counts, {OFF_POLICY: 0.5, ON_POLICY: 0.5}, np.random.default_rng(0))
    assert sum(draw.size for draw in drawn) == 100
    assert all(set(draw.shares) == {OFF_POLICY} for draw in drawn)


def test_an_updater_labels_as_the_learner_whose_networks_it_was_given(tmp_path, preset, episodes):
    shard = make_shard(tmp_path, preset)
    shard.append(0, [OFF_POLICY] * 4, episodes)
    learner, _ = make_learner(preset, 3)
    for _ in range(3):
        learner.step(shard.sample(8, None, 1, 1, False).batch)
    samples = [shard.sample(16, None, seed, 1, False) for seed in (2, 3)]
    process, labelled = Updater(preset, seed=7).label(learner.labelling_state(), 4, *samples)
    assert process and [len(each.batch.reward) for each in labelled] == [8] * 4
    rows = np.concatenate([sample.batch.rows for sample in samples])
    assert sorted(np.concatenate([each.batch.rows for each in labelled])) == sorted(rows)

    other, _ = make_learner(preset, 7)  # with the updater's random numbers
    other.load_labelling_state(learner.labelling_state())
    for mine, (batch, _) in zip(labelled, batches(samples, 8, np.random.default_rng(4)), strict=True):
        torch.testing.assert_close(mine.targets, other.label(batch).targets)
    assert all(torch.isfinite(learner.learn(each)["loss"]) for each in labelled)  # without what targets are made of


def test_a_collector_that_starts_anew_runs_the_orders_that_have_not_come_back(preset):
    orders = {i: Order("train", i) for i in range(3)}
    collector = Collector(preset)
    done: dict[int, bool] = {}
    while orders.keys() - done.keys():
        (_, numbers), found = collector.collect({n: o for n, o in orders.items() if n not in done})
        done |= dict(zip(numbers, [episode.success for episode in found], strict=True))
    (_, numbers), found = Collector(preset).collect({2: orders[2]})
    assert numbers == [2] and found[0].success == done[2]


def test_a_layout_that_cannot_be_is_refused_by_name():
    assert make_scale(["updaters=2", "shards=4"]) == Scale(updaters=2, shards=4)
    for said, message in {
        "updaters=0": "scale updaters is 0",
        "workers=3": "unknown setting workers",
        "updaters": "expected key=value",
        "oldest_target=5": "expected at least batches_per_call, 10",
    }.items():
        with pytest.raises(InvalidInput, match=message):
            make_scale([said])


def test_the_page_on_scaling_lists_every_setting_as_it_is():
    page = (Path(__file__).parents[3] / "docs/how-to/scale-out.md").read_text()
    for field in fields(Scale):
        assert f"| `{field.name}` | `{field.default}` | {meaning(field.type)} |" in page


def test_where_ray_is_not_installed_it_is_said_how_to_install_it(monkeypatch):
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InvalidInput, match="pip install"), ray_session(LOCAL, 1):
        pass


def test_the_smallest_ring_asks_for_few_cores_and_each_updater_for_one_more():
    assert cores(2, Scale(updaters=3)) == cores(1, Scale()) + 3
