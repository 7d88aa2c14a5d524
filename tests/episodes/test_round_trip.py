"""What is written is what is read."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.episodes.reader import iter_episodes, read_episode
from qtopt_agent.episodes.verify import verify
from qtopt_agent.episodes.writer import EpisodeWriter, new_episode_id

numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)
# ROS times are whole nanoseconds.
stamps = st.integers(0, 2**31 * 10**9 - 1000).map(lambda ns: ns / 10**9)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


def vectors(size):
    return arrays.arrays(np.float32, size, elements=numbers)


@st.composite
def episodes(draw):
    height, width = draw(st.sampled_from([(0, 0), (1, 1), (2, 3), (5, 4)]))
    sizes = draw(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 9)))
    privileged = draw(st.integers(0, 3))
    count = draw(st.integers(1, 3))
    when = sorted(draw(st.lists(stamps, min_size=count + 1, max_size=count + 1)))

    def observe(stamp):
        image = draw(arrays.arrays(np.uint8, (height, width, 3)))
        return Observation(image, draw(vectors(sizes[0])), stamp, draw(vectors(privileged)) if privileged else None)

    def step(stamp):
        q = draw(st.floats(allow_infinity=False))
        later = (draw(stamps), draw(stamps))
        reward = draw(st.floats(allow_nan=False, allow_infinity=False))
        about = (reward, draw(st.booleans()), q, *later, draw(st.floats(width=32, allow_infinity=False)))
        return Step(observe(stamp), draw(vectors(sizes[1])), draw(vectors(sizes[2])), *about, draw(st.booleans()))

    return Episode(
        new_episode_id(),
        tuple(step(stamp) for stamp in when[:-1]),
        observe(when[-1]),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(texts),
        draw(texts),
        draw(texts),
        draw(st.integers(-(2**63), 2**63 - 1)),
        tuple(draw(st.lists(texts, max_size=3))),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(episode=episodes())
def test_any_episode_comes_back_equal_to_the_bit(tmp_path, assert_same, episode):
    assert_same(read_episode(EpisodeWriter(tmp_path, sync=False).write(episode)), episode)


def test_a_healthy_episode_verifies(tmp_path, make_episode):
    assert verify(EpisodeWriter(tmp_path).write(make_episode())) == []


def test_what_is_read_may_be_changed_in_place(tmp_path, make_episode):
    episode = read_episode(EpisodeWriter(tmp_path).write(make_episode()))
    episode.steps[0].observation.image[:] = 0
    episode.steps[0].observation.state[:] = 0


def test_images_that_are_not_contiguous_are_written_as_seen(tmp_path, make_episode, assert_same):
    episode = make_episode()
    final = episode.final
    flipped = dataclasses.replace(final, image=final.image[:, ::-1], state=final.state[::-1])
    episode = Episode("flipped", episode.steps, flipped, True)
    assert_same(read_episode(EpisodeWriter(tmp_path).write(episode)).final, flipped)


def test_episodes_come_back_in_the_order_they_were_written(tmp_path, make_episode):
    writer = EpisodeWriter(tmp_path, sync=False)
    ids = [new_episode_id() for _ in range(5)]
    for name in ids:
        writer.write(make_episode(name))
    assert [episode.episode_id for episode in iter_episodes(tmp_path)] == ids == sorted(ids)


changed = dataclasses.replace


def seen(step, **fields):
    return changed(step, observation=changed(step.observation, **fields))


def with_nan(values):
    return np.full_like(values, np.nan)


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("image is float64", lambda s: seen(s, image=s.observation.image / 255)),
        ("image is uint8 \\[6, 5\\]", lambda s: seen(s, image=s.observation.image[..., 0])),
        ("state is .*nan", lambda s: seen(s, state=with_nan(s.observation.state))),
        ("state is float64", lambda s: seen(s, state=s.observation.state.astype(float))),
        ("privileged state is .*nan", lambda s: seen(s, privileged=with_nan(s.observation.privileged))),
        ("capture stamp is nan", lambda s: seen(s, stamp=math.nan)),
        ("capture stamp is -1", lambda s: seen(s, stamp=-1.0)),
        ("commanded action is .*nan", lambda s: changed(s, commanded=with_nan(s.commanded))),
        ("executed action is .*nan", lambda s: changed(s, executed=with_nan(s.executed))),
        ("reward is nan", lambda s: changed(s, reward=math.nan)),
        ("q is inf", lambda s: changed(s, q=math.inf)),
        ("inference stamp is nan", lambda s: changed(s, inference_stamp=math.nan)),
        ("log_density is -inf", lambda s: changed(s, log_density=-math.inf)),
        ("command stamp is inf", lambda s: changed(s, command_stamp=math.inf)),
        (r"height, width, .*expected \[6, 5, 3, 2, 8, 8\]", lambda s: seen(s, image=s.observation.image[1:])),
    ],
)
def test_a_bad_step_is_refused_by_name_and_leaves_nothing(tmp_path, make_episode, name, spoil):
    episode = make_episode()
    bad = Episode("bad", (episode.steps[0], spoil(episode.steps[1])), episode.final, True)
    with pytest.raises(InvalidInput, match=name):
        EpisodeWriter(tmp_path).write(bad)
    assert not list(tmp_path.rglob("*.mcap"))


def test_a_final_observation_of_another_shape_is_refused(tmp_path, make_episode):
    episode = make_episode()
    final = dataclasses.replace(episode.final, image=episode.final.image[:2])
    with pytest.raises(InvalidInput, match=r"\[2, 5, 3, 2\], expected \[6, 5, 3, 2\]"):
        EpisodeWriter(tmp_path).write(Episode("bad", episode.steps, final, True))


def test_an_episode_without_steps_is_refused(tmp_path, make_episode):
    with pytest.raises(InvalidInput, match="no step"):
        EpisodeWriter(tmp_path).write(Episode("empty", (), make_episode().final, True))


def test_a_seed_beyond_64_bits_is_refused(tmp_path, make_episode):
    with pytest.raises(InvalidInput, match="64-bit"):
        EpisodeWriter(tmp_path).write(dataclasses.replace(make_episode(), seed=2**63))
