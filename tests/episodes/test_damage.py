"""Damaged and foreign files give CorruptEpisode with the file's name, never anything else, and verify sees them."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from mcap.writer import CompressionType, Writer
from rosbags.typesys import Stores, get_typestore

from qtopt_agent.core.errors import CorruptEpisode, InvalidInput
from qtopt_agent.documents import read_text
from qtopt_agent.episodes import message_types
from qtopt_agent.episodes.bag import scan
from qtopt_agent.episodes.metadata import metadata_problems
from qtopt_agent.episodes.reader import iter_episodes, read_episode
from qtopt_agent.episodes.verify import verify
from qtopt_agent.episodes.writer import EpisodeWriter


@pytest.fixture
def bag(tmp_path, make_episode):
    return EpisodeWriter(tmp_path).write(make_episode(steps=2, size=(3, 2)))


@pytest.fixture
def file(bag):
    return next(bag.glob("*.mcap"))


def assert_damaged(bag: Path, named: Path, reason: str | None = None) -> None:
    assert verify(bag)
    with pytest.raises(CorruptEpisode, match=reason) as raised:
        read_episode(bag)
    assert str(raised.value).startswith(str(named))


def test_a_file_cut_at_any_place_is_corrupt(bag, file):
    whole = file.read_bytes()
    for length in [*range(0, len(whole), 17), len(whole) - 1]:
        file.write_bytes(whole[:length])
        assert_damaged(bag, file)


def test_a_changed_byte_is_found_anywhere_in_the_file(bag, file):
    whole = file.read_bytes()
    for place in range(0, len(whole), 13):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        assert_damaged(bag, file)


def test_a_data_section_without_its_checksum_is_found(bag, file):
    whole = file.read_bytes()
    end = b"\x0f\x04\0\0\0\0\0\0\0"  # the record and its length
    assert whole.count(end) == 1
    file.write_bytes(whole.replace(end, b"\x5a" + end[1:]))
    assert_damaged(bag, file, "checksum of its data is missing")


def test_bytes_after_the_end_are_found(bag, file):
    with file.open("ab") as stream:
        stream.write(b"more")
    assert_damaged(bag, file, "4 bytes follow the end")


@pytest.mark.parametrize("content", [b"", b"\0" * 1000, b"not an mcap file", b"\x89MCAP0\r\n" + b"\xff" * 100])
def test_a_foreign_file_is_corrupt(bag, file, content):
    file.write_bytes(content)
    assert_damaged(bag, file)


def test_noise_of_any_kind_is_corrupt(bag, file):
    rng = np.random.default_rng(0)
    whole = file.read_bytes()
    for _ in range(100):
        noise = bytearray(whole)
        start = int(rng.integers(8, len(whole) - 1))
        length = int(rng.integers(1, 60))
        noise[start : start + length] = rng.bytes(length)
        file.write_bytes(noise)
        assert_damaged(bag, file)


def test_a_missing_file_is_named(bag, file):
    file.unlink()
    assert_damaged(bag, bag, "0 .mcap files, expected 1")


def test_two_files_are_one_too_many(bag, file):
    shutil.copy(file, bag / "other.mcap")
    assert_damaged(bag, bag, "2 .mcap files, expected 1")


def test_missing_metadata_is_named(bag):
    (bag / "metadata.yaml").unlink()
    assert_damaged(bag, bag, "no metadata.yaml")


def test_a_missing_folder_is_named(tmp_path):
    assert_damaged(tmp_path / "none", tmp_path / "none", "no such folder")


def test_a_folder_in_place_of_the_file_is_corrupt(bag, file):
    file.unlink()
    file.mkdir()
    assert_damaged(bag, file)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("message_count: 7", "message_count: 8", "gives message_count 8, the file has 7"),
        ("message_count: 3", "message_count: 4", "gives messages on /camera/image_raw 4, the file has 3"),
        ("identifier: mcap", "identifier: sqlite3", "gives storage_identifier 'sqlite3'"),
        ("since_epoch: ", "since_epoch: 1", "gives starting_time 112500000000, the file has 12500000000"),
        ("rosbag2_bagfile_information", "something_else", "not a rosbag2 description"),
        ("version", "\tversion: [", "not a rosbag2 description"),
    ],
)
def test_metadata_that_disagrees_with_the_file_is_found(bag, old, new, problem):
    metadata = bag / "metadata.yaml"
    text = metadata.read_text()
    assert old in text
    metadata.write_text(text.replace(old, new))
    assert problem in "; ".join(verify(bag))


FREE = ("custom_data", "ros_distro")  # of which the file says nothing


@pytest.mark.parametrize("change", ["missing", "another"])
def test_every_field_of_the_metadata_is_compared_with_the_file(bag, change):
    """What rosbag2 reads; `version` says how."""
    metadata = bag / "metadata.yaml"
    lines = metadata.read_text().splitlines()
    for number, line in enumerate(lines):
        name = line.strip(" -").partition(":")[0]
        if line.endswith(":") or name in FREE:
            continue
        other = line.rpartition(": ")[0] + ": other"
        metadata.write_text("\n".join(lines[:number] + [other] * (change == "another") + lines[number + 1 :]))
        assert verify(bag), line
    metadata.write_text("\n".join(lines))
    assert verify(bag) == []


def test_any_damage_of_the_metadata_changes_nothing_or_is_found(bag, mutations):
    metadata = bag / "metadata.yaml"
    whole = metadata.read_bytes()
    file, summary = next(bag.glob("*.mcap")), scan(next(bag.glob("*.mcap"))).summary

    def holds(found, expected):
        """Whether a reader of the fields in `expected` reads the same in `found`."""
        if isinstance(expected, dict):
            return all(name in FREE or (name in found and holds(found[name], expected[name])) for name in expected)
        if isinstance(expected, list):
            return len(found) == len(expected) and all(map(holds, found, expected))
        return type(found) is type(expected) and found == expected

    for data in mutations(whole):
        metadata.write_bytes(data)
        try:
            problems = metadata_problems(read_text(metadata), file.name, summary)
        except InvalidInput:
            continue
        if not problems:
            assert holds(yaml.safe_load(read_text(metadata)), yaml.safe_load(whole))


def test_what_rosbag2_itself_leaves_open_is_no_damage(bag):
    """As `ros2 bag convert` and `ros2 bag reindex` of Jazzy write it."""
    metadata = bag / "metadata.yaml"
    whole = metadata.read_text()
    metadata.write_text(re.sub("RIHS01_.*", '""', whole))
    assert verify(bag) == []
    before, _, files = whole.partition("  files:\n")
    metadata.write_text(before + "  files:\n    []\n  custom_data" + files.partition("  custom_data")[2])
    assert verify(bag) == []


def test_metadata_of_an_earlier_version_of_rosbag2_may_say_less(bag):
    metadata = bag / "metadata.yaml"
    older = [line for line in metadata.read_text().splitlines() if "type_description_hash" not in line]
    text = "\n".join(older).replace("version: 9", "version: 5").replace("profiles: []", 'profiles: ""')
    metadata.write_text(text.partition("  custom_data")[0])
    assert verify(bag) == []
    metadata.write_text(text.replace("version: 5", "version: 10"))
    assert "gives version 10, expected 1 to 9" in verify(bag)[0]


def test_metadata_written_by_another_program_is_accepted_where_it_says_the_same(bag):
    metadata = bag / "metadata.yaml"
    metadata.write_text("# by another program\n" + metadata.read_text())
    assert verify(bag) == []


def write_bag(folder: Path, topic_types: dict[str, str], definitions: dict[str, str]) -> Path:
    """A well-formed MCAP file of somebody else: no message on the given topics."""
    folder.mkdir()
    (folder / "metadata.yaml").write_text("")
    with (folder / "foreign_0.mcap").open("wb") as stream:
        writer = Writer(stream, compression=CompressionType.LZ4)
        writer.start(profile="ros2")
        for topic, typename in topic_types.items():
            schema = writer.register_schema(typename, "ros2msg", definitions[topic].encode())
            channel = writer.register_channel(topic, "cdr", schema)
            writer.add_message(channel, 1, b"\0\1\0\0", 1)
        writer.finish()
    return folder / "foreign_0.mcap"


def test_somebody_elses_bag_is_not_an_episode(tmp_path):
    file = write_bag(tmp_path / "bag", {"/chatter": "std_msgs/msg/String"}, {"/chatter": "string data\n"})
    assert_damaged(tmp_path / "bag", file, "does not hold the beginning of an episode")


@pytest.mark.parametrize("definition", ["string data\n", "float64[] state\n", "not a definition"])
def test_another_definition_of_our_message_is_named(tmp_path, definition):
    file = write_bag(
        tmp_path / "bag",
        {message_types.STEP: message_types.TOPICS[message_types.STEP]},
        {message_types.STEP: definition},
    )
    assert_damaged(tmp_path / "bag", file, "/qtopt/step carries another qtopt_msgs/msg/GraspStep")


def test_a_definition_with_comments_is_the_same_definition(tmp_path):
    commented = "# of the camera\n" + message_types.schema(message_types.IMAGE).replace(
        "uint32 height", "uint32 height  # pixels"
    )
    same = message_types.recorded_type(message_types.IMAGE, commented)
    assert same == (message_types.type_hash(message_types.IMAGE), b"")
    assert not message_types.recorded_type(message_types.IMAGE, commented.replace("uint32 height", "int32 height"))


def test_a_payload_that_is_no_message_is_corrupt(tmp_path):
    store = get_typestore(Stores.ROS2_JAZZY)
    definition = store.generate_msgdef("sensor_msgs/msg/Image", ros_version=2)[0]
    file = write_bag(
        tmp_path / "bag", {message_types.IMAGE: "sensor_msgs/msg/Image"}, {message_types.IMAGE: definition}
    )
    assert_damaged(tmp_path / "bag", file)


def test_one_corrupt_episode_among_many_is_named_when_they_are_read_in_turn(tmp_path, make_episode):
    writer = EpisodeWriter(tmp_path)
    folders = [writer.write(make_episode(name)) for name in ("a", "b", "c")]
    (folders[1] / "metadata.yaml").unlink()
    episodes = iter_episodes(tmp_path)
    assert next(episodes).episode_id == "a"
    with pytest.raises(CorruptEpisode, match=r"b: has no metadata\.yaml"):
        next(episodes)
