"""Anybody's tools open the bags."""

import importlib.resources
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from qtopt_agent.episodes.message_types import TOPICS, type_hash, typestore
from qtopt_agent.episodes.writer import EpisodeWriter

MESSAGES = Path(__file__).parents[2] / "ros2_ws/src/qtopt_msgs"


@pytest.fixture
def episode(make_episode):
    return make_episode()


@pytest.fixture
def bag(tmp_path, episode):
    return EpisodeWriter(tmp_path).write(episode)


def assert_holds(found, episode):
    """`found`: topic, log time in ns, decoded message; by any decoder."""
    images = [message for topic, _, message in found if topic == "/camera/image_raw"]
    steps = [message for topic, _, message in found if topic == "/qtopt/step"]
    start, end = (message for topic, _, message in found if topic == "/qtopt/event")
    observations = [*(step.observation for step in episode.steps), episode.final]
    assert len(images) == len(observations)
    for image, seen in zip(images, observations, strict=True):
        assert (image.height, image.width, image.encoding, image.step) == (6, 5, "rgb8", 15)
        assert bytes(image.data) == seen.image.tobytes()
        assert image.header.stamp.sec + image.header.stamp.nanosec / 1e9 == seen.stamp
    assert [message.index for message in steps] == list(range(len(episode.steps)))
    for message, step in zip(steps, episode.steps, strict=True):
        np.testing.assert_array_equal(message.state, step.observation.state)
        np.testing.assert_array_equal(message.privileged, step.observation.privileged)
        np.testing.assert_array_equal(message.commanded, step.commanded)
        np.testing.assert_array_equal(message.executed, step.executed)
        np.testing.assert_equal(
            (
                message.reward,
                message.terminal,
                message.q,
                message.model_version,
                message.log_density,
                message.by_person,
            ),
            (step.reward, step.terminal, step.q, episode.model_version, step.log_density, step.by_person),
        )
        for time, stamp in (
            (message.header.stamp, step.observation.stamp),
            (message.inference_stamp, step.inference_stamp),
            (message.command_stamp, step.command_stamp),
        ):
            assert time.sec + time.nanosec / 1e9 == stamp
    assert (start.kind, start.episode_id, start.profile, start.policy) == (0, "grasp", "compact", "scripted")
    assert (start.model_version, start.seed, list(start.objects)) == ("v1", 7, ["box", "tee"])
    assert (end.kind, end.steps, end.success, end.truncated) == (1, 4, True, False)
    np.testing.assert_array_equal(end.final_state, episode.final.state)
    times = [log_time for _, log_time, _ in found]
    assert times == sorted(times)
    assert times[0] == episode.steps[0].observation.stamp * 1e9


def test_mcap_ros2_support_decodes_every_value(bag, episode):
    with next(bag.glob("*.mcap")).open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True, decoder_factories=[DecoderFactory()])
        assert_holds([(c.topic, m.log_time, message) for _, c, m, message in reader.iter_decoded_messages()], episode)


def test_rosbags_any_reader_decodes_every_value(bag, episode):
    with AnyReader([bag]) as reader:
        found = [(c.topic, time, reader.deserialize(raw, c.msgtype)) for c, time, raw in reader.messages()]
    assert_holds(found, episode)


def test_chunks_are_lz4_one_a_step_and_one_for_the_end(bag, episode):
    with next(bag.glob("*.mcap")).open("rb") as stream:
        chunks = make_reader(stream).get_summary().chunk_indexes
    assert [chunk.compression for chunk in chunks] == ["lz4"] * (len(episode.steps) + 1)


def test_metadata_has_the_keys_and_values_that_rosbags_writes(bag, tmp_path):
    with AnyReader([bag]) as reader, Writer(tmp_path / "other", version=9, storage_plugin=StoragePlugin.MCAP) as other:
        connections = {
            c.topic: other.add_connection(c.topic, c.msgtype, typestore=typestore()) for c in reader.connections
        }
        for connection, time, raw in reader.messages():
            other.write(connections[connection.topic], time, raw)
    ours, theirs = (
        yaml.safe_load((folder / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
        for folder in (bag, tmp_path / "other")
    )
    ours["ros_distro"] = theirs["ros_distro"]
    text = yaml.safe_dump(theirs).replace("other.mcap", next(bag.glob("*.mcap")).name)
    assert ours == yaml.safe_load(text)


def test_type_hash_of_an_image_is_the_one_that_ros_2_jazzy_gives():
    # `ros2 topic info -v` on Jazzy.
    jazzy = "RIHS01_d31d41a9a4c4bc8eae9be757b0beed306564f7526c88ea6a4588fb9582527d47"
    assert type_hash("/camera/image_raw") == jazzy


def test_the_installed_package_has_every_definition_of_qtopt_msgs():
    installed = importlib.resources.files("qtopt_agent.episodes").joinpath("msg")
    assert {file.name: file.read_text() for file in installed.iterdir()} == {
        file.name: file.read_text() for file in (MESSAGES / "msg").iterdir()
    }


def test_cmake_builds_every_definition():
    built = re.findall(r'"msg/(\w+\.msg)"', (MESSAGES / "CMakeLists.txt").read_text())
    assert built == sorted(file.name for file in (MESSAGES / "msg").iterdir())


@pytest.mark.parametrize("name", ["EpisodeEvent", "GraspStep", "GripperState", "ModelInfo"])
def test_each_definition_stands_on_jazzy_types_alone(name):
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(get_types_from_msg((MESSAGES / f"msg/{name}.msg").read_text(), f"qtopt_msgs/msg/{name}"))
    assert store.hash_rihs01(f"qtopt_msgs/msg/{name}").startswith("RIHS01_")


def test_topics_are_the_documented_ones():
    assert TOPICS == {
        "/camera/image_raw": "sensor_msgs/msg/Image",
        "/qtopt/step": "qtopt_msgs/msg/GraspStep",
        "/qtopt/event": "qtopt_msgs/msg/EpisodeEvent",
    }
