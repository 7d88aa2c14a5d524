"""Bags that another program has written or rewritten: read in any order, believed in nothing that is not checked."""

import os
import shutil
import struct
from pathlib import Path

import lz4.frame
import numpy as np
import pytest
import zstandard
from mcap.reader import make_reader
from mcap.writer import CompressionType, Writer

from qtopt_agent.core.errors import CorruptEpisode, InvalidInput
from qtopt_agent.episodes import bag as bag_module
from qtopt_agent.episodes import messages
from qtopt_agent.episodes.bag import BagWriter
from qtopt_agent.episodes.label import write_label
from qtopt_agent.episodes.message_types import EVENT, from_cdr, to_cdr
from qtopt_agent.episodes.reader import read_episode
from qtopt_agent.episodes.repair import Outcome, repair
from qtopt_agent.episodes.verify import verify
from qtopt_agent.episodes.writer import EpisodeWriter


@pytest.fixture
def bag(tmp_path, make_episode):
    return EpisodeWriter(tmp_path / "own").write(make_episode())


def recorded(bag):
    """(topic, CDR) of every message, in file order."""
    with next(bag.glob("*.mcap")).open("rb") as stream:
        return [(c.topic, m.data) for _, c, m in make_reader(stream).iter_messages(log_time_order=False)]


def write(folder: Path, content, extra=None) -> Path:
    """A bag of `content`, all checksums right; with `extra` messages on somebody's topic."""
    folder.mkdir(parents=True)
    writer = BagWriter(folder, folder.name.removeprefix(".partial-")[:40])
    for topic, data in content:
        writer.add(topic, data, 12_500_000_000)
    writer.finish(sync=False)
    return folder


def start_of(episode_id):
    stamp = messages._time(12.5, "stamp")
    return to_cdr(EVENT, messages.start_message(episode_id, "compact", "", "", 0, (), stamp))


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_messages_in_a_file_does_not_matter(tmp_path, bag, make_episode, assert_same, seed):
    content = recorded(bag)
    np.random.default_rng(seed).shuffle(content)
    other = write(tmp_path / "other/grasp", content)
    assert_same(read_episode(other), make_episode())


def test_a_bag_compressed_with_zstandard_is_read_and_damage_in_it_is_corrupt(tmp_path, bag, make_episode, assert_same):
    file = next(bag.glob("*.mcap"))
    with file.open("rb") as old, (bag / "new").open("wb") as new:
        writer = Writer(new, compression=CompressionType.ZSTD)
        writer.start(profile="ros2", library="another program")
        found = list(make_reader(old).iter_messages(log_time_order=False))
        schemas = {s.id: writer.register_schema(s.name, s.encoding, s.data) for s, _, _ in found}
        ids = {c.id: writer.register_channel(c.topic, "cdr", schemas[s.id], c.metadata) for s, c, _ in found}
        for _, channel, message in found:
            writer.add_message(ids[channel.id], message.log_time, message.data, message.publish_time)
        writer.finish()
    os.replace(bag / "new", file)
    assert_same(read_episode(bag), make_episode())
    assert verify(bag) == []
    whole = file.read_bytes()
    place = whole.index(zstandard.FRAME_HEADER)
    for at in range(place, place + 60):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        with pytest.raises(CorruptEpisode):
            read_episode(bag)


@pytest.mark.parametrize("pack", [lz4.frame.compress, zstandard.compress])
def test_a_chunk_is_unpacked_to_the_size_that_it_gives_and_no_further(monkeypatch, pack):
    name = "lz4" if pack is lz4.frame.compress else "zstd"
    chunk = bag_module.Chunk(name, pack(bytes(10_000_000)), 0, 0, 0, 1000)
    with pytest.raises(ValueError, match="a chunk of 1000 bytes has 1001"):
        bag_module._unpacked(chunk)


def test_a_recording_that_claims_to_be_endless_is_corrupt(bag, monkeypatch):
    monkeypatch.setattr(bag_module, "MAX_BYTES", 1000)
    with pytest.raises(CorruptEpisode, match="without its compression"):
        read_episode(bag)


def test_a_pipe_in_place_of_the_file_is_not_waited_for(bag):
    file = next(bag.glob("*.mcap"))
    file.unlink()
    os.mkfifo(file)
    assert "is not an ordinary file" in verify(bag)[0]


@pytest.mark.parametrize("episode_id", ["../../../stolen", "/tmp/stolen", "", "a b", "a/b", "..", "a\n", "x" * 129])
@pytest.mark.parametrize("cut", [False, True])
def test_an_id_that_could_name_another_place_is_refused_by_every_reader(tmp_path, bag, episode_id, cut):
    (_, _), *rest = recorded(bag)
    folder = write(tmp_path / "root/deep/bag", [(EVENT, start_of(episode_id)), *rest[: -1 if cut else None]])
    before = {file: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(CorruptEpisode, match="expected 1 to 128 of"):
        read_episode(folder)
    assert "expected 1 to 128 of" in verify(folder)[0]
    for name in ("bag", ".partial-bag"):
        place = folder.rename(folder.with_name(name))
        assert [result.outcome for result in repair(tmp_path / "root")] == [Outcome.FAILED]
        assert {folder / file.name: file.read_bytes() for file in place.iterdir()} == before
        place.rename(folder)
    assert not (tmp_path / "stolen").exists() and not Path("/tmp/stolen").exists()
    with pytest.raises(InvalidInput, match="expected 1 to 128 of"):
        EpisodeWriter(tmp_path / "new").open_raw(start_of(episode_id))


@pytest.mark.parametrize("field", ["state", "executed", "reward", "final_state"])
def test_a_number_that_is_not_finite_is_never_read(tmp_path, bag, field):
    content = recorded(bag)
    place = -1 if field == "final_state" else 2
    topic, data = content[place]
    message = from_cdr(topic, data)
    if field == "reward":
        message.reward = float("nan")
    else:
        setattr(message, field, np.full_like(getattr(message, field), np.nan))
    content[place] = (topic, to_cdr(topic, message))
    folder = write(tmp_path / "other/grasp", content)
    with pytest.raises(CorruptEpisode, match=r"nan.*, expected"):
        read_episode(folder)
    assert [result.outcome for result in repair(folder)] == [Outcome.FAILED]


def test_repair_keeps_every_message_as_it_was_recorded(tmp_path, bag):
    content = recorded(bag)
    (bag / "metadata.yaml").unlink()
    repair(bag)
    assert recorded(bag) == content
    cut = write(tmp_path / "cut/grasp", content[:-3])
    (result,) = repair(cut)
    assert "2 steps kept" in result.detail
    assert recorded(cut)[:-1] == content[:6]


def test_a_damaged_label_is_left_to_its_author(bag):
    (bag / "label.json").write_text('{"success": tru')
    (result,) = repair(bag)
    assert result.outcome == Outcome.FAILED and "label the episode anew" in result.detail
    assert (bag / "label.json").read_text() == '{"success": tru'
    write_label(bag, True, "me")
    assert verify(bag) == [] and repair(bag) == []


def test_repair_keeps_what_else_lies_in_the_folder(tmp_path, bag):
    file = next(bag.glob("*.mcap"))
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) * 2 // 3])
    (bag / "notes.txt").write_text("mine")
    (bag / "pictures").mkdir()
    (bag / "pictures/a.png").write_bytes(b"png")
    assert [result.outcome for result in repair(bag)] == [Outcome.REPAIRED]
    assert (bag / "notes.txt").read_text() == "mine" and (bag / "pictures/a.png").exists()
    assert verify(bag) == []


def test_repair_keeps_the_file_where_others_recorded_into_it(bag):
    file = next(bag.glob("*.mcap"))
    with file.open("rb") as old, (bag / "new").open("wb") as new:
        writer = Writer(new, compression=CompressionType.LZ4)
        writer.start(profile="ros2")
        found = list(make_reader(old).iter_messages(log_time_order=False))
        schemas = {s.id: writer.register_schema(s.name, s.encoding, s.data) for s, _, _ in found}
        ids = {c.id: writer.register_channel(c.topic, "cdr", schemas[s.id], c.metadata) for s, c, _ in found}
        for _, channel, message in found:
            writer.add_message(ids[channel.id], message.log_time, message.data, message.publish_time)
        other = writer.register_channel("/chatter", "cdr", writer.register_schema("T", "ros2msg", b"string data"))
        writer.add_message(other, 1, b"words of somebody", 1)
        writer.finish()
    os.replace(bag / "new", file)
    before = file.read_bytes()
    assert [result.outcome for result in repair(bag)] == [Outcome.REPAIRED]  # metadata.yaml does not know /chatter
    assert (bag / f"{file.name}.before-repair").read_bytes() == before
    assert verify(bag) == []


def test_a_leftover_beside_another_episode_of_its_name_is_kept(tmp_path, bag, make_episode):
    other = EpisodeWriter(tmp_path / "other").write(make_episode(seed=1))
    left = shutil.copytree(other, bag.with_name(".partial-grasp"))
    (result,) = repair(tmp_path / "own")
    assert result.outcome == Outcome.FAILED and "another episode" in result.detail
    assert verify(bag) == [] and len(list(left.iterdir())) == 2


@pytest.mark.parametrize("name", [".partial-a", ".partial-", ".partial-.."])
def test_only_an_empty_recording_is_removed(tmp_path, name):
    folder = tmp_path / "root/deep" / name
    folder.mkdir(parents=True)
    (folder / "thesis.txt").write_text("two years of work")
    repair(tmp_path / "root")
    assert (folder / "thesis.txt").exists()


def test_an_episode_is_repaired_where_a_link_leads(tmp_path, bag):
    (bag / "metadata.yaml").unlink()
    (tmp_path / "subset").mkdir()
    (tmp_path / "subset/link").symlink_to(bag)
    assert [result.outcome for result in repair(tmp_path / "subset")] == [Outcome.REPAIRED]
    assert verify(tmp_path / "subset/link") == verify(bag) == []


def test_any_damaged_message_gives_an_episode_or_a_refusal_and_repair_never_loses_the_file(tmp_path, bag, mutations):
    """The checksums are right, so that what is wrong reaches the readers."""
    whole = recorded(bag)
    damaged = zip(*(mutations(data) for _, data in whole), strict=True)
    for number, each in enumerate(damaged):
        content, place = list(whole), number % len(whole)
        content[place] = (whole[place][0], each[place])
        folder = write(tmp_path / "fuzz/grasp", content)
        try:
            episode = read_episode(folder)
        except CorruptEpisode:
            assert verify(folder)
            if number % 10 == 0:
                (result,) = repair(folder)
                assert result.outcome in (Outcome.REPAIRED, Outcome.FAILED)
                assert result.outcome == Outcome.FAILED or verify(folder) == []
        else:
            assert len(episode.steps) == 4 and "/" not in episode.episode_id
        shutil.rmtree(tmp_path / "fuzz")


def test_any_damaged_file_is_corrupt_or_the_same_episode(tmp_path, bag, make_episode, assert_same, mutations):
    file = next(bag.glob("*.mcap"))
    for data in mutations(file.read_bytes()):
        file.write_bytes(data)
        try:
            found = read_episode(bag)
        except CorruptEpisode as error:
            assert str(error).startswith(str(file))
        else:
            assert_same(found, make_episode())


def test_a_length_that_reaches_beyond_the_file_is_corrupt(bag):
    file = next(bag.glob("*.mcap"))
    whole = file.read_bytes()
    for length in (2**63, 2**32, len(whole)):
        file.write_bytes(whole[:9] + struct.pack("<Q", length) + whole[17:])
        with pytest.raises(CorruptEpisode):
            read_episode(bag)
