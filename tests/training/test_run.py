"""Whole runs, small: the low-dimensional profile, a few dozen steps, one actor process."""

import contextlib
import itertools
import json
import multiprocessing
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.core.profile import COMPACT, DETAILED, LOWDIM
from qtopt_agent.episodes.reader import iter_episodes
from qtopt_agent.episodes.writer import EpisodeWriter
from qtopt_agent.learning.checkpoint import load_checkpoint, save_checkpoint
from qtopt_agent.learning.preset import Preset, load_preset
from qtopt_agent.replay.episode_files import guarded
from qtopt_agent.replay.spec import OFF_POLICY, ON_POLICY, RECORDED
from qtopt_agent.rollouts.episode_runner import EpisodeRunner
from qtopt_agent.simulation import make_robot
from qtopt_agent.simulation.scripted import ScriptedPolicy
from qtopt_agent.training import run as training_run
from qtopt_agent.training.actors import Result
from qtopt_agent.training.export import export_run
from qtopt_agent.training.initial import in_cell_of
from qtopt_agent.training.recorded import Folder
from qtopt_agent.training.run import Training
from qtopt_agent.training.worker import Order

pytestmark = pytest.mark.xdist_group("training run")  # so that one process makes what the tests share


def small(**changes: object) -> Preset:
    settings = dict(
        steps=30,
        batch_size=16,
        target_lag=8,
        capacity=5_000,
        scripted_episodes=6,
        min_episodes=4,
        episodes_per_1000_steps=2000.0,
        publish_every=5,
        checkpoint_every=10,
        evaluate_every=20,
        evaluate_episodes=2,
        evaluation_samples=16,
        evaluation_iterations=1,
    )
    return load_preset("lowdim").changed(**{**settings, **changes})


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of five scripted episodes."""
    folder = tmp_path_factory.mktemp("episodes")
    robot = make_robot(LOWDIM)
    runner, writer = EpisodeRunner(robot, LOWDIM, robot.succeeded), EpisodeWriter(folder)
    for seed in range(5):
        writer.write(runner.run(ScriptedPolicy(LOWDIM), np.random.default_rng(seed), seed, f"e{seed}"))
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of 30 steps."""
    out = tmp_path_factory.mktemp("run")
    outcome = Training(small(), out, seed=3, actors=1).run()
    assert (outcome.steps, outcome.interrupted) == (30, False)
    assert set(outcome.success) == {"train", "validation"}
    assert multiprocessing.active_children() == []
    return out


def evaluations(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "evaluations.jsonl").read_text().splitlines()]


def test_evaluations_come_at_fixed_steps_and_at_the_end_on_both_splits(run):
    done = [(e["step"], e["objects"], e["of"]) for e in evaluations(run)]
    assert sorted(done) == [(step, objects, 2) for step in (20, 30) for objects in ("train", "validation")]
    assert all(0 < e["minutes"] < 10 for e in evaluations(run))
    assert not list(run.glob("evaluated-*"))  # weights kept for evaluations under way only


def test_a_run_on_household_objects_is_evaluated_on_their_validation_objects(tmp_path):
    outcome = Training(small(steps=20, objects="household"), tmp_path, seed=3, actors=1).run()
    assert set(outcome.success) == {"household", "household-validation"}


def test_a_run_on_pictures_learns_masks_and_recorded_episodes_have_none(tmp_path):
    few = dict(steps=12, batch_size=16, scripted_episodes=4, min_episodes=3, capacity=1_000, evaluate_episodes=0)
    preset = load_preset("detailed").changed(**few, cem_samples=16)
    training = Training(preset, tmp_path / "run", seed=3, actors=1)
    assert training.run().steps == 12 and training.store.spec.mask_size == 8
    assert training.store.sample(4, np.random.default_rng(0)).mask.any()
    pictures = tmp_path / "episodes"
    writer, robot = EpisodeWriter(pictures), make_robot(DETAILED)
    writer.write(
        EpisodeRunner(robot, DETAILED, robot.succeeded).run(ScriptedPolicy(DETAILED), np.random.default_rng(0), 0, "e0")
    )
    offline = Training(preset, tmp_path / "recorded", actors=0, episodes=[Folder(pictures)], collect=False)
    assert offline.run().steps == 12
    assert offline.store.sample(4, np.random.default_rng(0)).recorded.all()


def test_every_evaluation_is_told_where_there_is_no_terminal_too(tmp_path, capsys):
    Training(small(steps=20), tmp_path, seed=3, actors=1).run()
    told = capsys.readouterr().err
    assert all(f"of 2 grasps at {objects} objects" in told for objects in ("train", "validation")), told


def test_metrics_cover_learning_data_and_speed(tmp_path, recorded):
    Training(
        small(steps=100, evaluate_episodes=0), tmp_path, actors=0, episodes=[Folder(recorded)], collect=False
    ).run()
    tags = set(EventAccumulator(str(tmp_path)).Reload().Tags()["scalars"])
    assert {"learner/q", "learner/td_error", "learner/target_gap", "learner/loss", "learner/learning_rate"} <= tags
    assert {"speed/steps_per_s", "speed/episodes_per_s", "data/on_policy_share", "success/recorded-1"} <= tags


def test_the_store_holds_scripted_episodes_first_and_then_the_agents_own(run):
    training = Training(small(), run, resume=True)
    assert training.store.transitions(OFF_POLICY) > 0
    assert training.store.transitions(ON_POLICY) > 0


def test_the_learner_waits_for_as_many_episodes_as_the_preset_asks_for(run):
    assert Training(small(), run, resume=True).store.episodes_added >= 4 + 29 * 2000 / 1000


def test_a_finished_run_goes_on_with_more_steps_its_own_seed_and_its_replay(run, tmp_path):
    before = Training(small(), run, resume=True)
    episodes = before.store.episodes_added
    more = Training(small(steps=34), run, seed=99, resume=True)
    assert (more.learner.step_count, more.seed, more.store.episodes_added) == (30, 3, episodes)
    assert more.run().steps == 34


def test_a_run_is_never_overwritten_by_accident(run, tmp_path):
    with pytest.raises(InvalidInput, match="add --resume"):
        Training(small(), run)
    with pytest.raises(InvalidInput, match="no checkpoint"):
        Training(small(), tmp_path, resume=True)


def test_a_replay_store_that_lost_episodes_is_noticed(tmp_path, recorded):
    Training(small(steps=2), tmp_path, actors=0, episodes=[Folder(recorded)], collect=False).run()
    held = np.load(tmp_path / "replay" / "held.npy", mmap_mode="r+")
    held[1] = guarded(1)
    held.flush()
    with pytest.raises(IncompatibleModel, match="made with 5 episodes, the replay store beside it has seen 1"):
        Training(small(steps=2), tmp_path, actors=0, collect=False, resume=True)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"q_function": "quantile"}, "setting q_function.kind is 'scalar' in this run, 'quantile' was asked for"),
        ({"capacity": 400}, "setting replay.capacity is 5000 in this run, 400 was asked for"),
        ({"auxiliary_weight": 1.0}, r"setting loss.auxiliary_weight is 0.0 in this run, 1.0 was asked for"),
    ],
)
def test_a_resume_that_is_refused_says_why_and_changes_nothing(tmp_path, recorded, changes, message):
    out = tmp_path / "run"
    Training(small(steps=2), out, actors=0, episodes=[Folder(recorded)], collect=False).run()
    before = contents(out)
    with pytest.raises(InvalidInput, match=message):
        Training(small(**changes), out, actors=0, resume=True)
    assert contents(out) == before
    assert Training(small(steps=3), out, actors=0, resume=True).run().steps == 3


@pytest.mark.parametrize("part", ["learner", "rng"])
def test_a_checkpoint_that_somebody_has_made_up_is_refused_and_nothing_changes(tmp_path, recorded, part):
    Training(small(steps=2), tmp_path, actors=0, episodes=[Folder(recorded)], collect=False).run()
    saved = load_checkpoint(tmp_path / "checkpoint.pt")
    save_checkpoint(tmp_path / "checkpoint.pt", saved | {part: {"learner": {"step": "two"}, "rng": "{}"}[part]})
    before = contents(tmp_path)
    with pytest.raises(IncompatibleModel, match=r"checkpoint\.pt does not fit its own preset"):
        Training(small(), tmp_path, actors=0, resume=True)
    assert contents(tmp_path) == before


def test_a_resume_without_its_replay_store_makes_none(tmp_path, recorded):
    Training(small(steps=2), tmp_path, actors=0, episodes=[Folder(recorded)], collect=False).run()
    (tmp_path / "replay").rename(tmp_path / "moved")
    with pytest.raises(InvalidInput, match=r"replay/store\.json"):
        Training(small(), tmp_path, actors=0, resume=True)
    assert not (tmp_path / "replay").exists()


def test_damaged_episodes_are_named_when_a_run_goes_on(tmp_path, recorded, capsys):
    Training(small(steps=2), tmp_path, actors=0, episodes=[Folder(recorded)], collect=False).run()
    states = np.load(tmp_path / "replay" / "state.npy", mmap_mode="r+")
    states.view(np.uint8)[3, 0] ^= 1
    states.flush()
    resumed = Training(small(), tmp_path, actors=0, resume=True)
    assert "1 episodes are damaged and left out: 0" in capsys.readouterr().err
    assert resumed.store.episodes_held == 4


def test_a_run_killed_while_it_reads_its_episodes_has_each_of_them_once(tmp_path, recorded, monkeypatch):
    def read_two_and_die(folder: Path, *rest: object):
        yield from itertools.islice(iter_episodes(folder), 2)
        raise KeyboardInterrupt

    offline = dict(actors=0, episodes=[Folder(recorded)], collect=False)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training_run, "learning_episodes", read_two_and_die)
        Training(small(), tmp_path, **offline)
    assert Training(small(), tmp_path, **offline).store.episodes_added == 5


def test_the_progress_line_never_waits_for_fewer_episodes_than_there_are(tmp_path, recorded, monkeypatch):
    episode = next(iter_episodes(recorded))

    class Pool(contextlib.nullcontext):
        """Brings two episodes at a time."""

        room = 0

        def __init__(self, preset: Preset, actors: int) -> None:
            super().__init__(self)

        def poll(self, timeout: float) -> list[Result]:
            return [Result(Order("train", 0), episode)] * 2

    said: list[str] = []
    monkeypatch.setattr(training_run, "ActorPool", Pool)
    monkeypatch.setattr(training_run.Progress, "update", lambda *_, description, **__: said.append(description))
    Training(small(steps=5, min_episodes=7, evaluate_episodes=0), tmp_path, actors=1).run()
    waiting = [tuple(map(int, re.findall(r"\d+", text))) for text in said if text.startswith("collecting")]
    assert waiting == [(0, 7), (2, 7), (4, 7), (6, 7)]


def test_gradient_steps_are_not_tied_to_the_number_of_episodes(tmp_path, recorded):
    training = Training(small(steps=25), tmp_path, actors=0, episodes=[Folder(recorded)], collect=False)
    assert training.run().steps == 25
    assert training.store.episodes_added == 5


def test_an_offline_run_stays_offline_when_resumed_unless_told_otherwise(tmp_path, recorded):
    Training(small(steps=2), tmp_path, actors=0, episodes=[Folder(recorded)], collect=False).run()
    resumed = Training(small(steps=4), tmp_path, actors=0, resume=True)
    assert resumed.run().steps == 4
    assert resumed.store.episodes_added == 5
    with pytest.raises(InvalidInput, match="at least 1 to collect"):
        Training(small(steps=6), tmp_path, actors=0, collect=True, resume=True)


def test_a_run_killed_before_its_first_checkpoint_keeps_its_episodes(tmp_path, recorded):
    Training(small(), tmp_path, seed=4, actors=1, episodes=[Folder(recorded)])  # and never run
    resumed = Training(small(), tmp_path, actors=1, resume=True)
    assert (resumed.learner.step_count, resumed.store.episodes_added, resumed.seed) == (0, 5, 4)


def test_episodes_must_come_from_somewhere(tmp_path):
    with pytest.raises(InvalidInput, match="at least 1 to collect"):
        Training(small(), tmp_path / "a", actors=0)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="holds no episodes"):
        Training(small(), tmp_path / "b", actors=0, episodes=[Folder(tmp_path / "empty")], collect=False)


def test_a_run_cut_by_ctrl_c_and_resumed_equals_one_that_was_not(tmp_path, recorded):
    def start(name: str, resume: bool = False) -> Training:
        offline = dict(seed=1, actors=0, episodes=[Folder(recorded)], collect=False, resume=resume)
        return Training(small(steps=20, evaluate_episodes=0), tmp_path / name, **offline)

    start("straight").run()
    cut = start("cut")
    step = cut.learner.step

    def step_and_interrupt(*data):
        metrics = step(*data)
        if cut.learner.step_count == 7:
            os.kill(os.getpid(), signal.SIGINT)
        return metrics

    cut.learner.step = step_and_interrupt
    outcome = cut.run()
    assert (outcome.steps, outcome.interrupted) == (7, True)
    assert start("cut", resume=True).run().steps == 20

    one, two = (load_checkpoint(tmp_path / name / "checkpoint.pt") for name in ("straight", "cut"))
    for name, value in one["learner"]["network"].items():
        assert torch.equal(value, two["learner"]["network"][name])
    assert one["rng"] == two["rng"]


def test_a_time_limit_stops_the_run_with_a_checkpoint(tmp_path, recorded):
    training = Training(small(steps=10**6), tmp_path, actors=0, episodes=[Folder(recorded)], collect=False)
    outcome = training.run(minutes=0.02)
    assert not outcome.interrupted
    assert load_checkpoint(tmp_path / "checkpoint.pt")["learner"]["step"] == outcome.steps < 10**6


def test_exploration_follows_the_presets_schedules(run):
    training = Training(small(epsilon=(0.2, 0.1), noise=(0.1, 0.0)), run, resume=True)
    training._ordered, training.learner.step_count = 100, 15  # half way
    order = training._next_order()
    assert order.weights is not None
    assert (order.epsilon, order.noise) == pytest.approx((0.15, 0.05))
    assert training._next_order().seed != order.seed


def test_orders_with_the_same_weights_explore_alike_so_that_a_batch_decides_for_them(run):
    training = Training(small(epsilon=(0.2, 0.1)), run, resume=True)
    training._ordered, explored = 100, []
    for training.learner.step_count in range(10, 20):  # published every 5 steps
        explored.append(training._next_order().epsilon)
    assert len(set(explored[:5])) == len(set(explored[5:])) == 1
    assert explored[0] > explored[5]


def exported(run: Path, folder: Path) -> Path:
    (run / "commands.txt").write_text("")
    return export_run(run, folder / "models", "first", 16, 4, 2)


def test_a_run_may_begin_with_a_models_weights_and_explores_with_them_at_once(run, tmp_path):
    model = exported(run, tmp_path)
    training = Training(small(steps=31), tmp_path / "run", seed=8, actors=1, init=model)
    weights = load_file(model / "q.safetensors")
    assert all(torch.equal(weights[name], value) for name, value in training.learner.network.state_dict().items())
    assert all(torch.equal(weights[name], value) for name, value in training.learner.acting.state_dict().items())
    training._ordered = 6  # as many scripted ones as the preset asks for
    assert training._next_order().weights is not None
    resumed = Training(small(steps=31), tmp_path / "run", resume=True, actors=1)
    resumed._ordered = 6
    assert resumed._next_order().weights is not None


def test_a_model_that_does_not_fit_is_refused_and_named(run, published, tmp_path):
    with pytest.raises(IncompatibleModel, match="untrained is of profile compact, expected lowdim"):
        Training(small(), tmp_path / "run", init=published)
    model = exported(run, tmp_path)
    preset = small().changed(cell="d435_wrist")
    with pytest.raises(IncompatibleModel, match=r"first is of another cell: camera\.position"):
        Training(preset, tmp_path / "run", init=model)
    with pytest.raises(IncompatibleModel, match=r"q_function\.kind is scalar, this run's is quantile"):
        Training(small(q_function="quantile"), tmp_path / "run", init=model)
    (model / "q.safetensors").write_bytes((model / "q.safetensors").read_bytes()[:-1] + b"x")
    with pytest.raises(IncompatibleModel, match="sha256"):
        Training(small(), tmp_path / "run", init=model)
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


def test_a_preset_without_a_cell_gets_the_models_and_another_profile_is_named(published):
    assert in_cell_of(load_preset("compact"), published).cell == COMPACT.cell
    with pytest.raises(InvalidInput, match=r"of profile compact, the preset of lowdim: .* --set profile=compact"):
        in_cell_of(load_preset("lowdim"), published)


def test_recorded_and_simulated_episodes_are_mixed_and_a_resumed_run_goes_on_so(tmp_path, recorded):
    mixed = small(steps=10, min_episodes=2, scripted_episodes=2, simulation_share=0.4, episodes_per_1000_steps=0.0)
    training = Training(mixed, tmp_path, actors=1, episodes=[Folder(recorded)])
    assert training.run().steps == 10
    assert training.store.transitions(RECORDED) > 0 and training.store.episodes_added >= 5 + 2
    resumed = Training(mixed.changed(steps=12), tmp_path, actors=1, resume=True)
    assert resumed._feed.shares()[RECORDED] == pytest.approx(0.6) and resumed._due() == 2
    assert resumed.run().steps == 12


def test_recorded_episodes_that_do_not_fit_the_replay_are_an_error(tmp_path, recorded):
    with pytest.raises(
        InvalidInput, match=r"replay.capacity is 25, .* room for 25 frames .* expected more than the 5 rec"
    ):
        Training(small(capacity=25), tmp_path, actors=0, episodes=[Folder(recorded)], collect=False)
