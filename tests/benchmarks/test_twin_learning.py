"""Attempts on a twin are counted, recorded and gone on with. Without robosuite's models no twin is tried."""

from importlib.util import find_spec

import numpy as np
import pytest

from benchmarks import twin_learning
from benchmarks.twin_grasps import Stopped
from qtopt_agent.cells.cell_file import load_cell
from qtopt_agent.core.action import Action, GripperCommand
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.policy import Decision
from qtopt_agent.core.profile import DETAILED
from qtopt_agent.episodes.reader import iter_episodes
from qtopt_agent.graph.description import twin_cell

SHUT = Action(np.zeros(3, np.float32), 0.0, GripperCommand.CLOSE)


class Ends:
    """Ends each attempt at once."""

    name = "ends"

    def decide(self, observation, rng):
        return Decision(Action(np.zeros(3, np.float32), 0.0, terminate=True).to_vector())


class Told:
    """A robot whose world and jaw say what the seed of the attempt says: of four, one of each."""

    made = 0

    def __init__(self, *_):
        Told.made += 1
        self.lifted = False

    def close(self):
        pass

    def reset(self, seed):
        self.seed = seed
        return self.observe()

    def observe(self):
        size = DETAILED.observation.image_size
        state = np.zeros(len(DETAILED.observation.state_names), np.float32)
        return Observation(np.zeros((*size, 3), np.uint8), state, 1.0)

    def execute(self, action):
        if self.seed == 3:
            raise Stopped("something was in the way")
        return action

    def judge(self):
        self.lifted = self.seed == 0
        return self.seed in (0, 1)


def made(folder, count):
    return twin_learning.attempts("ur5e", DETAILED, Ends(), count, 0, folder, "test", (1, 1))


def test_what_the_world_saw_is_counted_apart_from_what_the_jaw_says_and_a_stop_holds_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(twin_learning, "TwinRobot", Told)
    counts = made(tmp_path, 4)
    assert counts == {"attempts": 4, "lifted": 1, "by the jaw": 2, "agree": 2, "stopped": 1}
    assert sorted(each.success for each in iter_episodes(tmp_path / "episodes")) == [False, True, True]
    said = twin_learning.told("it", counts)
    assert "1 of 4 lifted, 25.0% (4.6% to 69.9%)" in said and "1 stopped by the driver" in said


def test_begun_again_it_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(twin_learning, "TwinRobot", Told)
    made(tmp_path, 2)
    assert (
        made(tmp_path, 4)
        == made(tmp_path, 4)
        == {"attempts": 4, "lifted": 1, "by the jaw": 2, "agree": 2, "stopped": 1}
    )
    assert len(list(iter_episodes(tmp_path / "episodes"))) == 3


@pytest.mark.skipif(
    find_spec("robosuite") is None,
    reason="the twins were NOT tried: pip install --no-deps robosuite==1.5.2 (docs/how-to/twin.md)",
)
def test_an_attempt_begins_at_a_start_pose_with_an_open_jaw_and_an_empty_one_holds_nothing():
    cell = load_cell(str(twin_cell("ur5e")))
    profile = twin_learning.replace(DETAILED, cell=cell)
    try:
        robot = twin_learning.TwinRobot("ur5e", profile, "test", (2, 2), 0)
    except InvalidInput as error:
        pytest.skip(f"the twins' pictures were NOT tried: {error}")
    try:
        for seed in (1, 2):
            seen = robot.reset(seed)
            seen.validate(profile.observation)
            state = dict(zip(profile.observation.state_names, seen.state, strict=True))
            low, high = cell.attempt.start_height
            assert state["aperture_m"] > 0.9 * cell.jaw.aperture and not state["closed"] and state["steps_done"] == 0
            assert low - 0.01 <= state["height_m"] <= high + 0.01
            x, y, _, _ = robot.twin.world.pose()
            assert max(abs(x), abs(y)) <= cell.attempt.start_spread + 0.01
            assert robot.execute(SHUT).gripper == GripperCommand.CLOSE
            assert not robot.judge() and not robot.lifted
    finally:
        robot.close()
