"""Actions and their space: projection gives valid actions and leaves valid ones alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from qtopt_agent.core.action import Action, ActionSpace, GripperCommand, grasp_action_space
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import COMPACT, PAPER

SPACE = COMPACT.action_space
vectors = arrays(np.float32, 8, elements=st.floats(-3, 3, width=32))
seeds = st.integers(0, 2**32 - 1)


def check_valid(space, action):
    n, c = len(space.low), len(space.max_angle)
    assert (action[:n] >= np.float32(space.low)).all()
    assert (action[:n] <= np.float32(space.high)).all()
    for i, limit in enumerate(space.max_angle):
        sin, cos = action[n + 2 * i : n + 2 * i + 2]
        assert np.hypot(sin, cos) == pytest.approx(1, abs=1e-6)
        assert abs(np.arctan2(sin, cos)) <= limit + 1e-6
    flags = action[n + 2 * c :]
    assert set(flags) <= {0, 1}
    assert flags.sum() <= 1


@given(vectors)
def test_a_projected_action_is_valid(vector):
    check_valid(SPACE, SPACE.project(vector))


@given(vectors)
def test_projecting_twice_changes_nothing_more(vector):
    once = SPACE.project(vector)
    np.testing.assert_allclose(SPACE.project(once), once, atol=1e-6)


@given(seeds)
def test_a_sampled_action_is_valid_and_its_own_projection(seed):
    action = SPACE.sample(np.random.default_rng(seed))
    check_valid(SPACE, action)
    np.testing.assert_allclose(SPACE.project(action), action, atol=1e-6)


def test_samples_reach_all_choices_and_both_ends_of_every_range():
    rng = np.random.default_rng(0)
    samples = np.stack([SPACE.sample(rng) for _ in range(2000)])
    half = np.float32(SPACE.high)
    assert (samples[:, :3].min(0) < -0.95 * half).all()
    assert (samples[:, :3].max(0) > 0.95 * half).all()
    np.testing.assert_allclose(samples[:, 5:].mean(0), 0.25, atol=0.05)


@given(arrays(np.float32, (2, 3, 8), elements=st.floats(-3, 3, width=32)))
def test_a_batch_is_projected_as_its_members_are(batch):
    projected = SPACE.project(batch)
    for index in np.ndindex(2, 3):
        np.testing.assert_array_equal(projected[index], SPACE.project(batch[index]))


def test_projection_does_not_write_into_its_input():
    vector = np.full(8, 2, np.float32)
    SPACE.project(vector)
    assert (vector == 2).all()


def test_of_two_raised_flags_the_stronger_wins_and_a_tie_goes_to_the_first():
    still = [0, 0, 0, 0, 1]
    np.testing.assert_array_equal(SPACE.project(np.float32([*still, 0.6, 0.9, 0]))[5:], [0, 1, 0])
    np.testing.assert_array_equal(SPACE.project(np.float32([*still, 0.9, 0.9, 0]))[5:], [1, 0, 0])
    np.testing.assert_array_equal(SPACE.project(np.float32([*still, 0.4, 0.3, 0.5]))[5:], [0, 0, 0])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", range(8))
def test_a_value_that_is_not_finite_is_refused_wherever_it_is(bad, place):
    vector = np.zeros(8, np.float32)
    vector[place] = bad
    with pytest.raises(InvalidInput, match="finite"):
        SPACE.project(vector)
    with pytest.raises(InvalidInput, match="finite"):
        Action.from_vector(vector)


@pytest.mark.parametrize("length", [0, 7, 9])
def test_an_action_of_another_length_is_refused(length):
    with pytest.raises(InvalidInput, match="expected 8"):
        SPACE.project(np.zeros(length, np.float32))
    with pytest.raises(InvalidInput, match="expected 8"):
        Action.from_vector(np.zeros(length, np.float32))


@given(
    st.tuples(*[st.floats(-0.0625, 0.0625, width=32)] * 3),
    st.floats(-3.1, 3.1),
    st.sampled_from(GripperCommand),
    st.booleans(),
)
def test_an_action_survives_the_way_to_a_vector_and_back(translation, yaw, gripper, terminate):
    action = Action(np.float32(translation), yaw, gripper, terminate)
    back = Action.from_vector(action.to_vector())
    np.testing.assert_array_equal(back.translation, action.translation)
    assert back.yaw == pytest.approx(yaw, abs=1e-6)
    assert (back.gripper, back.terminate) == (gripper, terminate)


def test_the_papers_vector_has_its_order():
    vector = Action(np.float32([1, 2, 3]), np.pi / 6, GripperCommand.OPEN, True).to_vector()
    np.testing.assert_allclose(vector, [1, 2, 3, 0.5, np.sqrt(0.75), 0, 1, 1], rtol=1e-6)
    assert PAPER.action_space.size == 8
    assert PAPER.action_space.choices == ("close", "open", "terminate")


@pytest.mark.parametrize(("low", "high"), [((0,), (0,)), ((1,), (0,)), ((0, 0), (1,))])
def test_a_space_with_nothing_in_it_is_refused(low, high):
    with pytest.raises(InvalidInput, match="bounds"):
        ActionSpace(low, high)


@pytest.mark.parametrize("bad", [np.nan, np.inf, "far", None])
def test_a_bound_that_is_no_finite_number_is_refused(bad):
    with pytest.raises(InvalidInput, match="high"):
        ActionSpace((-1.0,), (bad,))
    with pytest.raises(InvalidInput, match="low"):
        ActionSpace((bad,), (1.0,))


def test_a_choice_that_is_there_twice_is_refused():
    with pytest.raises(InvalidInput, match="close, open, close"):
        ActionSpace((), (), (), ("close", "open", "close"))


@pytest.mark.parametrize("angle", [0, -1, 4, np.nan])
def test_an_angle_limit_outside_0_to_pi_is_refused(angle):
    with pytest.raises(InvalidInput, match="max_angle"):
        grasp_action_space((0.1, 0.1, 0.1), angle)
