import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qtopt_agent.core.profile import LOWDIM
from qtopt_agent.learning.checkpoint import save_weights
from qtopt_agent.learning.preset import load_preset
from qtopt_agent.q_functions import make_q_function
from qtopt_agent.training.actors import ActorFailed, ActorPool, Result
from qtopt_agent.training.worker import Order

PRESET = load_preset("lowdim").override(["cem_samples=8", "cem_elites=2", "cem_iterations=1"])
PATIENCE = 120  # s


def gather(pool: ActorPool, count: int) -> list[Result]:
    results: list[Result] = []
    deadline = time.monotonic() + PATIENCE
    while len(results) < count:
        assert time.monotonic() < deadline
        results += pool.poll(0.1)
    return results


def actions_of(result: Result) -> bytes:
    return b"".join(step.executed.tobytes() for step in result.episode.steps)


def wait_until(condition, what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except FileNotFoundError:
        return False


def test_actors_see_the_looks_of_the_preset():
    first = []
    for looks in ("plain", "surfaces"):
        with ActorPool(load_preset("compact").override([f"looks={looks}"]), 1) as pool:
            pool.submit(Order("train", 1))
            first.append(gather(pool, 1)[0].episode.steps[0].observation)
    assert (first[0].state == first[1].state).all() and (first[0].image != first[1].image).any()


def test_an_order_gives_the_same_episode_whoever_runs_it_and_no_process_stays(tmp_path):
    weights = tmp_path / "w.safetensors"
    save_weights(weights, make_q_function(LOWDIM))
    orders = [Order("train", seed) for seed in (1, 2, 1, 2)]
    orders += [Order("validation", 1, str(weights), 0.5, 0.1)] * 2 + [Order("train", 1, str(weights), evaluation=7)]
    with ActorPool(PRESET, 2) as pool:
        pids = pool.pids
        for order in orders:
            pool.submit(order)
        results = gather(pool, len(orders))
        save_weights(weights, make_q_function(LOWDIM, seed=1))
        pool.submit(orders[-1])
        with_new_weights = gather(pool, 1)[0]
    assert not any(alive(pid) for pid in pids)
    by_order: dict[Order, list[bytes]] = {}
    for result in results:
        by_order.setdefault(result.order, []).append(actions_of(result))
    assert sorted(len(same) for same in by_order.values()) == [1, 2, 2, 2]
    assert all(len(set(same)) == 1 for same in by_order.values())
    assert actions_of(with_new_weights) not in by_order[with_new_weights.order]
    policies = {(r.order.weights is None, r.order.evaluation is None): r.episode.policy for r in results}
    assert policies == {(True, True): "scripted", (False, True): "exploring-greedy", (False, False): "greedy"}


def test_an_actor_that_is_killed_is_replaced_once_and_its_orders_are_run(capfd):
    with ActorPool(PRESET, 1) as pool:
        for seed in range(3):
            pool.submit(Order("train", seed))
        os.kill(pool.pids[0], signal.SIGKILL)
        assert sorted(r.order.seed for r in gather(pool, 3)) == [0, 1, 2]
        assert "starting another, once" in capfd.readouterr().err
        os.kill(pool.pids[0], signal.SIGKILL)
        pool.submit(Order("train", 9))
        with pytest.raises(ActorFailed, match="and so did one before it"):
            gather(pool, 1)


def test_an_error_in_an_actor_reaches_the_learner_with_its_text(tmp_path):
    with ActorPool(PRESET, 1) as pool:
        pool.submit(Order("nothing-of-the-kind", 0))
        with pytest.raises(ActorFailed, match="nothing-of-the-kind"):
            gather(pool, 1)


@pytest.fixture
def training(tmp_path):
    """`qtopt train` as a user starts it, with one actor, once it has begun to collect; and its actor's process id."""
    command = [sys.executable, "-m", "qtopt_agent.cli.main", "train", "--preset", "lowdim", "--actors", "1"]
    command += ["--out", str(tmp_path / "run"), "--set", "min_episodes=1", "--set", "evaluate_episodes=0"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    held = tmp_path / "run" / "replay" / "held.npy"
    wait_until(lambda: held.exists() and held.read_bytes()[-8:-4] > bytes(4), "an episode")  # the number of the next
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    yield process, [int(pid) for pid in children], tmp_path
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_ctrl_c_writes_a_checkpoint_says_how_to_go_on_and_leaves_no_process(training):
    process, children, folder = training
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the learner and its actors alike
    assert process.wait(PATIENCE) == 130
    assert children
    wait_until(lambda: not any(alive(pid) for pid in children), "the end of the actors")
    text = (folder / "log").read_text()
    assert f"qtopt train --out {folder / 'run'} --resume" in text
    assert "Traceback" not in text
    assert (folder / "run" / "checkpoint.pt").exists()


def test_actors_do_not_outlive_a_learner_that_is_killed(training):
    process, children, _ = training
    process.kill()
    process.wait()
    wait_until(lambda: not any(alive(pid) for pid in children), "the end of the actors")
