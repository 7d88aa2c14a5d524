"""Episodes in worker processes: the same whatever their number, and no process left behind."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

from qtopt_agent.core.errors import IncompatibleModel, InvalidInput
from qtopt_agent.core.profile import COMPACT
from qtopt_agent.episodes.reader import read_episode
from qtopt_agent.rollouts.evaluation import evaluate
from qtopt_agent.rollouts.parallel import RolloutPlan, run_rollouts

PLAN = RolloutPlan("scripted", COMPACT, seed=5)


def outcomes(rollouts):
    return [(r.index, r.success, r.decisions, r.objects) for r in rollouts]


def test_episodes_do_not_depend_on_the_number_of_workers():
    alone, together = run_rollouts(PLAN, 6, 1), run_rollouts(PLAN, 6, 3)
    assert outcomes(alone) == outcomes(together)
    assert [r.index for r in alone] == list(range(6))
    assert len({r.decisions for r in alone}) > 1, "episodes of different seeds differ"


def test_another_seed_gives_other_episodes_and_progress_tells_of_each_once():
    seen = []
    other = run_rollouts(replace(PLAN, seed=6), 4, 2, seen.append)
    assert outcomes(other) != outcomes(run_rollouts(PLAN, 4, 1))
    assert outcomes(sorted(seen, key=lambda r: r.index)) == outcomes(other)


def test_episodes_are_recorded_as_they_were(tmp_path):
    rollouts = run_rollouts(replace(PLAN, episodes=tmp_path), 3, 2)
    for rollout in rollouts:
        episode = read_episode(rollout.folder)
        assert (episode.success, len(episode.steps)) == (rollout.success, rollout.decisions)
        assert (episode.objects, episode.policy) == (rollout.objects, "scripted")
        assert rollout.pictures is None


def test_pictures_are_taken_after_every_step():
    rollout = run_rollouts(replace(PLAN, picture=(12, 16)), 1, 1)[0]
    assert rollout.pictures.shape == (rollout.decisions, 12, 16, 3)
    assert rollout.pictures.dtype == np.uint8


def test_an_error_in_a_worker_reaches_the_caller_as_itself(model):
    (model / "policy.pt").write_bytes(b"")
    with pytest.raises(IncompatibleModel, match="sha256"):
        run_rollouts(replace(PLAN, policy=str(model)), 4, 1)
    with pytest.raises(InvalidInput, match="no-such-objects"):
        run_rollouts(replace(PLAN, objects="no-such-objects"), 4, 2)


@pytest.mark.parametrize(("count", "workers"), [(0, 1), (1, 0), (-1, 2)])
def test_no_episodes_or_no_workers_are_refused(count, workers):
    with pytest.raises(InvalidInput, match="at least 1"):
        run_rollouts(PLAN, count, workers)


def test_an_evaluation_counts_what_happened(model):
    plan = RolloutPlan(str(model), COMPACT, "held-out", (1, 1), seed=1)
    result, rollouts = evaluate(plan, 6, 1)
    assert result.episodes == 6
    assert result.successes == sum(r.success for r in rollouts)
    assert result.success == result.successes / 6
    assert result.wilson_low <= result.success <= result.wilson_high
    assert sum(tried for _, tried in result.families.values()) == 6
    assert result.decisions_per_s > 0
    assert {r.objects[0] for r in rollouts} == set(result.families)


def children(pid):
    """Process ids of the living children of `pid`."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(entry))
    return found


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_workers_do_not_outlive_a_killed_parent(tmp_path):
    command = [sys.executable, "-m", "qtopt_agent.cli.main", "collect", "--out", str(tmp_path), "--workers", "2"]
    parent = subprocess.Popen([*command, "--episodes", "100000"], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: list(tmp_path.glob("*/*/[!.]*")) or parent.poll() is not None)
        workers = children(parent.pid)
        assert len(workers) >= 2
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    wait_for(lambda: not any(alive(worker) for worker in workers))


def wait_for(condition, seconds=60.0):
    """Until `condition` holds; the limit is only there to fail rather than hang."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)
