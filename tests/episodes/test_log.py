"""Episodes put together from the bytes of three topics, whatever order they come in and whatever is missing."""

import dataclasses
import os
import shutil

import numpy as np
import pytest

from qtopt_agent.core.episode import Episode, Step
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.episodes import log, messages
from qtopt_agent.episodes.bag import BagWriter
from qtopt_agent.episodes.disk_guard import DiskGuard
from qtopt_agent.episodes.log import PATIENCE, SILENCE, EpisodeLog
from qtopt_agent.episodes.message_types import EVENT, IMAGE, STEP, from_cdr, to_cdr
from qtopt_agent.episodes.reader import find_episodes, find_partial, read_episode
from qtopt_agent.episodes.verify import verify
from qtopt_agent.episodes.writer import EpisodeWriter


def episode(name: str = "grasp", steps: int = 4, size: tuple[int, int] = (6, 5), start: float = 100.0) -> Episode:
    rng = np.random.default_rng(0)

    def observe(index: int) -> Observation:
        image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        return Observation(image, rng.normal(size=4).astype(np.float32), start + index / 4)

    def step(i: int) -> Step:
        action = rng.normal(size=8).astype(np.float32)
        last, stamp = i == steps - 1, start + i / 4
        return Step(observe(i), action, action, float(last), last, 0.5, stamp + 0.05, stamp + 0.2)

    return Episode(name, tuple(map(step, range(steps))), observe(steps), True, False, "compact", "v1", "greedy", 7)


def wire(episode: Episode) -> list[tuple[str, bytes]]:
    """What an agent and a camera send of an attempt, in order."""
    images = [messages.image_message(o) for o in [*(s.observation for s in episode.steps), episode.final]]
    start = messages.start_message(
        episode.episode_id,
        episode.profile,
        episode.policy,
        episode.model_version,
        episode.seed,
        episode.objects,
        images[0].header.stamp,
    )
    sent = [(EVENT, to_cdr(EVENT, start))]
    for i, step in enumerate(episode.steps):
        sent.append((IMAGE, to_cdr(IMAGE, images[i])))
        sent.append((STEP, to_cdr(STEP, messages.step_message(step, i, episode.model_version))))
    sent.append((IMAGE, to_cdr(IMAGE, images[-1])))
    end = messages.end_message(episode.episode_id, len(episode.steps), episode.success, False, episode.final)
    return [*sent, (EVENT, to_cdr(EVENT, end))]


class Logged:
    """A log with a clock of its own, and what it said."""

    def __init__(self, root, **options):
        self.said, self.warned, self.now, self.free = [], [], 0.0, 100
        self.root = root
        guard = DiskGuard(root, stop=10, go_on=20, free=lambda _: self.free)
        self.log = EpisodeLog(root, guard, self.said.append, self.warned.append, steady=lambda: self.now, **options)

    def send(self, sent):
        feed = {IMAGE: self.log.image, STEP: self.log.step, EVENT: self.log.event}
        for topic, data in sent:
            feed[topic](data)

    def wait(self, seconds):
        self.now += seconds
        self.log.tick()

    @property
    def episodes(self):
        return list(find_episodes(self.root)) if self.root.exists() else []


@pytest.fixture
def logged(tmp_path):
    return Logged(tmp_path / "log")


def test_the_file_is_the_one_that_a_writer_in_the_same_process_makes(logged, tmp_path):
    made = episode()
    logged.send(wire(made))
    (folder,) = logged.episodes
    other = EpisodeWriter(tmp_path / "direct").write(made)
    for name in ("grasp_0.mcap", "metadata.yaml"):
        assert (folder / name).read_bytes() == (other / name).read_bytes()
    assert logged.said == ["recorded episode grasp: 4 steps, 4.00 a second"] and not logged.warned


@pytest.mark.parametrize("seed", range(20))
def test_the_order_between_topics_does_not_matter(logged, seed):
    sent = wire(episode())
    rng = np.random.default_rng(seed)
    queues = {topic: [item for item in sent if item[0] == topic] for topic in (IMAGE, STEP, EVENT)}
    mixed = []
    while any(queues.values()):
        topic = rng.choice([topic for topic, queue in queues.items() if queue])
        mixed.append(queues[topic].pop(0))
    start, end = (i for i, (topic, _) in enumerate(mixed) if topic == EVENT)
    logged.send(mixed)
    assert start < end and not logged.warned
    (folder,) = logged.episodes
    assert verify(folder) == [] and len(read_episode(folder).steps) == 4


def test_a_step_whose_stamp_went_through_a_float_finds_its_image(logged):
    sent = wire(episode())
    step = from_cdr(STEP, sent[4][1])
    step.header.stamp.nanosec += 238
    sent[4] = (STEP, to_cdr(STEP, step))
    logged.send(sent)
    assert verify(logged.episodes[0]) == [] and not logged.warned


def test_images_that_belong_to_no_step_are_not_recorded(logged):
    between = [(IMAGE, to_cdr(IMAGE, messages.image_message(episode(start=50.0 + i).final))) for i in range(5)]
    sent = wire(episode())
    logged.send([*between, *sent[:4], *between, *sent[4:]])
    assert len(read_episode(logged.episodes[0]).steps) == 4 and not logged.warned


@pytest.mark.parametrize(
    ("encoding", "channels", "order"),
    [
        ("rgb8", 3, (0, 1, 2)),
        ("bgr8", 3, (2, 1, 0)),
        ("rgba8", 4, (0, 1, 2)),
        ("bgra8", 4, (2, 1, 0)),
        ("mono8", 1, (0, 0, 0)),
    ],
)
def test_colours_are_right_whatever_the_camera_sends(logged, encoding, channels, order):
    made = episode(steps=1)
    sent = []
    for topic, data in wire(made):
        if topic == IMAGE:
            image = from_cdr(IMAGE, data)
            colours = image.data.reshape(6, 5, 3)
            pixels = np.zeros((6, 5 * channels + 2), np.uint8)  # rows are padded
            inside = pixels[:, : 5 * channels].reshape(6, 5, channels)
            if encoding == "mono8":
                inside[..., 0] = colours[..., 0]
            else:
                inside[..., order] = colours
            image.encoding, image.step, image.data = encoding, pixels.shape[1], pixels.ravel()
            data = to_cdr(IMAGE, image)
        sent.append((topic, data))
    logged.send(sent)
    expected = made.final.image[..., [0, 0, 0]] if encoding == "mono8" else made.final.image
    np.testing.assert_array_equal(read_episode(logged.episodes[0]).final.image, expected)


def test_an_agent_that_starts_anew_leaves_its_attempt_as_far_as_it_went(logged):
    logged.send(wire(episode("cut"))[:7])
    logged.send(wire(episode("whole", start=200.0)))
    names = {folder.name: read_episode(folder) for folder in logged.episodes}
    assert (len(names["cut"].steps), names["cut"].truncated) == (2, True)
    assert len(names["whole"].steps) == 4
    assert "cut was cut" in logged.warned[0]


def test_a_silent_agent_leaves_its_attempt_as_far_as_it_went(logged):
    logged.send(wire(episode())[:7])
    logged.wait(SILENCE - 1)
    assert not logged.episodes
    logged.wait(2)
    assert len(read_episode(logged.episodes[0]).steps) == 2 and "the agent is gone" in logged.warned[0]


def test_a_lost_last_image_costs_the_last_step_only(logged):
    sent = wire(episode())
    logged.send(sent[:-2] + sent[-1:])
    logged.wait(PATIENCE + 1)
    assert len(read_episode(logged.episodes[0]).steps) == 3 and "the last image did not come" in logged.warned[0]


def test_a_lost_image_in_the_middle_is_named(logged):
    sent = wire(episode())
    del sent[5]  # the image of step 2
    logged.send(sent)
    logged.wait(PATIENCE + 1)
    assert len(read_episode(logged.episodes[0]).steps) == 1 and "the image of step 2 did not come" in logged.warned[0]


def test_old_images_make_room_for_new_ones(tmp_path):
    sent = wire(episode())
    images = [item for item in sent if item[0] == IMAGE]
    logged = Logged(tmp_path, buffer=2 * len(images[0][1]))
    logged.send(images + [item for item in sent if item[0] != IMAGE])
    logged.wait(PATIENCE + 1)
    assert not logged.episodes and logged.log.counts.cut == 1


def test_a_step_that_is_not_a_number_ends_the_recording_and_nothing_else(logged):
    made = episode("bad")
    sent = wire(made)
    step = messages.step_message(made.steps[2], 2, "v1")
    step.state[0] = np.nan
    sent[6] = (STEP, to_cdr(STEP, step))
    logged.send(sent)
    logged.send(wire(episode("good", start=200.0)))
    assert [folder.name for folder in logged.episodes] == ["good"]
    assert "state is [nan" in logged.warned[0]


def test_what_is_left_of_an_attempt_given_up_does_not_spoil_the_next_one_though_the_clock_went_back(logged):
    made = wire(episode("bad", start=200.0))
    other = wire(episode(size=(8, 8), start=200.0))
    logged.send([*made[:5], *other[5:7], *made[7:]])
    logged.send(wire(episode("good")))
    assert [folder.name for folder in logged.episodes] == ["good"] and len(logged.warned) == 1


def test_images_that_change_their_size_end_the_recording(logged):
    sent = wire(episode())
    other = wire(episode(size=(8, 8)))
    logged.send([*sent[:5], *other[5:]])
    assert not logged.episodes and "expected [6, 5" in logged.warned[0]


def test_bytes_that_are_no_message_are_named_and_harm_nothing(logged):
    for feed in (logged.log.image, logged.log.step, logged.log.event):
        feed(b"\0\1\0\0garbage")
        feed(b"")
    assert len(logged.warned) == 6
    logged.send(wire(episode()))
    assert len(logged.episodes) == 1


def test_without_room_attempts_are_not_recorded_and_it_says_so_until_there_is_room(logged):
    logged.free = 5
    logged.send(wire(episode("first")))
    logged.free = 15
    logged.send(wire(episode("second", start=200.0)))
    logged.free = 25
    logged.send(wire(episode("third", start=300.0)))
    assert [folder.name for folder in logged.episodes] == ["third"]
    assert len(logged.warned) == 2 and all("NOT recording" in text for text in logged.warned)


def test_an_attempt_without_a_step_leaves_nothing(logged):
    sent = wire(episode())
    end = messages.end_message("grasp", 0, False, True, episode().final)
    logged.send([sent[0], (EVENT, to_cdr(EVENT, end))])
    assert not logged.episodes and not list(find_partial(logged.root)) and not logged.warned


def test_closing_keeps_what_came(logged):
    logged.send(wire(episode())[:7])
    logged.log.close()
    assert len(read_episode(logged.episodes[0]).steps) == 2


@pytest.fixture
def killed(logged, tmp_path):
    """The logger that is started after one that was killed in an attempt's third step."""
    logged.send(wire(episode("cut"))[:7])
    shutil.copytree(logged.root, tmp_path / "left")  # without the lock, which the kernel takes from the dead
    return Logged(tmp_path / "left")


def test_what_a_killed_logger_left_is_made_whole_by_the_next(killed):
    killed.log.keep_leftovers()
    assert [len(read_episode(folder).steps) for folder in killed.episodes] == [2]
    assert len(killed.warned) == 1 and "cut" in killed.warned[0] and not list(find_partial(killed.root))
    killed.log.keep_leftovers()
    assert len(killed.warned) == 1


def test_what_another_logger_is_writing_is_left_alone(logged):
    logged.send(wire(episode("cut"))[:7])
    other = Logged(logged.root)
    other.log.keep_leftovers()
    assert "in use" in other.warned[0]
    logged.send(wire(episode("cut"))[7:])
    assert [len(read_episode(folder).steps) for folder in logged.episodes] == [4]


def test_a_leftover_that_cannot_be_repaired_does_not_keep_the_logger_from_recording(killed, monkeypatch):
    def fail(folder):
        raise InvalidInput("no such thing")

    monkeypatch.setattr(log, "repair_folder", fail)
    killed.log.keep_leftovers()
    assert "cannot be repaired: no such thing" in killed.warned[0]
    killed.send(wire(episode("whole")))
    assert [folder.name for folder in killed.episodes] == ["whole"]


def test_without_room_what_was_left_stays_as_it_is_and_that_is_said(killed):
    killed.free = 5
    killed.log.keep_leftovers()
    assert "no room" in killed.warned[0] and len(list(find_partial(killed.root))) == 1


def test_a_label_changes_outcome_and_reward_and_leaves_the_recording(logged):
    logged.send(wire(episode()))
    (folder,) = logged.episodes
    before = (folder / "grasp_0.mcap").read_bytes()
    logged.log.label("grasp", False, "bin camera")
    found = read_episode(folder)
    assert (found.success, found.steps[-1].reward, found.total_reward) == (False, 0.0, 0.0)
    assert (folder / "grasp_0.mcap").read_bytes() == before and verify(folder) == []
    logged.log.label("grasp", True, "a person")
    assert dataclasses.replace(read_episode(folder)).success


@pytest.mark.parametrize("name", ["", "nobody", "*", "../grasp", "gr*sp"])
def test_only_a_known_episode_is_labelled(logged, name):
    logged.send(wire(episode()))
    with pytest.raises(InvalidInput, match="expected 1"):
        logged.log.label(name, True, "a person")


def test_a_label_needs_an_author_and_an_end(logged):
    logged.send(wire(episode("done")))
    with pytest.raises(InvalidInput, match="author"):
        logged.log.label("done", True, " ")
    logged.send(wire(episode("begun", start=200.0))[:5])
    with pytest.raises(InvalidInput, match="being recorded"):
        logged.log.label("begun", True, "a person")


def test_a_damaged_label_is_found(logged):
    logged.send(wire(episode()))
    (folder,) = logged.episodes
    (folder / "label.json").write_text('{"success": "yes", "author": "a", "created": ""}')
    (problem,) = verify(folder)
    assert "label.json" in problem and "'yes'" in problem


def test_a_leftover_whose_id_names_another_place_is_told_and_stays(logged, tmp_path):
    left = logged.root / "2026-01-01/run/.partial-a"
    left.mkdir(parents=True)
    writer = BagWriter(left, "a")
    for topic, data in wire(episode("../../../../stolen"))[:-1]:
        writer.add(topic, data, 0)
    writer.flush()
    writer.abandon()
    logged.log.keep_leftovers()
    assert "expected 1 to 128 of A-Z" in logged.warned[0] and len(list(left.iterdir())) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"log"}


def test_any_damaged_message_is_warned_of_and_what_is_recorded_is_whole(tmp_path, mutations, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    whole = wire(episode(steps=2, size=(3, 2)))
    damaged = zip(*(mutations(data) for _, data in whole), strict=True)
    for number, each in enumerate(damaged):
        place = number % len(whole)
        logged = Logged(tmp_path / str(number))
        logged.send([*whole[:place], (whole[place][0], each[place]), *whole[place + 1 :]])
        logged.log.close()
        for folder in logged.episodes:
            assert verify(folder) == []
        assert logged.episodes or logged.warned or place == 0  # an end without a beginning may be that of anybody
        assert all(line.isprintable() for line in (*logged.said, *logged.warned))
    assert {path.name for path in tmp_path.iterdir()} <= set(map(str, range(number + 1)))
