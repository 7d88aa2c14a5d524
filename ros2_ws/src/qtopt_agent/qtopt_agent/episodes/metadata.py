"""A bag's metadata.yaml, as rosbag2 of ROS 2 Jazzy reads it (version 9)."""

from dataclasses import dataclass, field
from typing import Any

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.documents import parse_yaml
from qtopt_agent.episodes.message_types import TOPICS, type_hash

FILE_NAME = "metadata.yaml"
VERSION = 9
_FILE = ("path of the file", "starting_time of the file", "duration of the file", "message_count of the file")
_OPEN = "left open"  # `ros2 bag convert` gives no hashes, `ros2 bag reindex` no files


@dataclass(frozen=True)
class TopicAbout:
    """What a file says of one topic. qos: YAML, empty for none; hash: empty where the recorder did not know it."""

    type: str
    serialization: str
    qos: str
    hash: str


@dataclass
class BagSummary:
    """Messages a topic, what is known of each, and the log times (ns) of the first and the last message."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TOPICS, 0))
    topics: dict[str, TopicAbout] = field(default_factory=dict)
    start: int = 0
    end: int = 0

    def add(self, topic: str, log_time: int) -> None:
        """Count one message."""
        self.start = log_time if self.total == 0 else min(self.start, log_time)
        self.end = max(self.end, log_time)
        self.counts[topic] = self.counts.get(topic, 0) + 1

    def describe(self, topic: str, about: TopicAbout) -> None:
        """Take note of a topic, which may have no message."""
        self.topics[topic] = about
        self.counts.setdefault(topic, 0)

    @property
    def total(self) -> int:
        """Messages on all topics."""
        return sum(self.counts.values())


def metadata_text(mcap_name: str, bag: BagSummary) -> str:
    """The text of metadata.yaml. Written out, because a YAML library takes longer than the rest of the episode."""
    duration = f"{{nanoseconds: {bag.end - bag.start}}}"
    start = f"{{nanoseconds_since_epoch: {bag.start}}}"
    topics = "".join(
        f"""
    - topic_metadata:
        name: {topic}
        type: {typename}
        serialization_format: cdr
        offered_qos_profiles: []
        type_description_hash: {type_hash(topic)}
      message_count: {bag.counts[topic]}"""
        for topic, typename in TOPICS.items()
    )
    return f"""rosbag2_bagfile_information:
  version: {VERSION}
  storage_identifier: mcap
  duration: {duration}
  starting_time: {start}
  message_count: {bag.total}
  topics_with_message_count:{topics}
  compression_format: ""
  compression_mode: ""
  relative_file_paths: [{mcap_name}]
  files:
    - path: {mcap_name}
      starting_time: {start}
      duration: {duration}
      message_count: {bag.total}
  custom_data: ~
  ros_distro: jazzy
"""


def metadata_problems(text: str, mcap_name: str, bag: BagSummary) -> list[str]:
    """What `text` says that the file `mcap_name`, summed up in `bag`, does not; empty where they agree."""
    if set(bag.counts) == set(TOPICS) and text == metadata_text(mcap_name, bag):
        return []
    try:
        info = parse_yaml(text, FILE_NAME)["rosbag2_bagfile_information"]
        said = _said(info)
        version = info["version"]
    except (InvalidInput, KeyError, TypeError, ValueError) as error:
        return [f"{FILE_NAME} is not a rosbag2 description: {type(error).__name__} {error}".replace("\n", " ")]
    if type(version) is not int or not 1 <= version <= VERSION:
        return [f"{FILE_NAME} gives version {version!r}, expected 1 to {VERSION}"]
    found = _found(mcap_name, bag)
    problems = []
    for name in {**found, **said}:
        ours, theirs = said.get(name), found.get(name)
        if ours == _OPEN or (ours is None and version < VERSION):  # earlier versions say less
            continue
        if type(ours) is not type(theirs) or ours != theirs:
            problems.append(f"{FILE_NAME} gives {name} {ours!r}, the file has {theirs!r}")
    return problems


def _said(info: Any) -> dict[str, Any]:
    """The fields of a description, by the names that `_found` has. Raises KeyError, TypeError or ValueError."""
    said = {
        "storage_identifier": info["storage_identifier"],
        "relative_file_paths": info["relative_file_paths"],
        "message_count": info["message_count"],
        "starting_time": info["starting_time"]["nanoseconds_since_epoch"],
        "duration": info["duration"]["nanoseconds"],
    }
    said |= {name: info[name] for name in ("compression_format", "compression_mode") if name in info}
    if info.get("files") == []:
        said |= dict.fromkeys(_FILE, _OPEN)
    elif "files" in info:
        (file,) = info["files"]
        times = file["starting_time"]["nanoseconds_since_epoch"], file["duration"]["nanoseconds"]
        said |= zip(_FILE, (file["path"], *times, file["message_count"]), strict=True)
    for item in info["topics_with_message_count"]:
        about = item["topic_metadata"]
        topic = about["name"]
        if f"messages on {topic}" in said:
            raise ValueError(f"topic {topic} is there twice")
        said[f"messages on {topic}"] = item["message_count"]
        said[f"type of {topic}"] = about["type"]
        said[f"serialization_format of {topic}"] = about["serialization_format"]
        if "offered_qos_profiles" in about:
            written = about["offered_qos_profiles"]  # text in earlier versions
            older = isinstance(written, str) and info["version"] != VERSION
            said[f"offered_qos_profiles of {topic}"] = _profiles(written) if older else written
        if "type_description_hash" in about:
            said[f"type_description_hash of {topic}"] = about["type_description_hash"] or _OPEN
    custom = info.get("custom_data") or {}
    if not isinstance(custom, dict) or any(not isinstance(value, str) for value in custom.values()):
        raise ValueError(f"custom_data is {custom!r}, expected text by name")
    if not isinstance(info.get("ros_distro", ""), str):
        raise ValueError(f"ros_distro is {info['ros_distro']!r}, expected text")
    return said


def _found(mcap_name: str, bag: BagSummary) -> dict[str, Any]:
    """What a description of the file has to say."""
    found: dict[str, Any] = {
        "storage_identifier": "mcap",
        "relative_file_paths": [mcap_name],
        "message_count": bag.total,
        "starting_time": bag.start,
        "duration": bag.end - bag.start,
        "compression_format": "",
        "compression_mode": "",
        **dict(zip(_FILE, (mcap_name, bag.start, bag.end - bag.start, bag.total), strict=True)),
    }
    for topic, about in bag.topics.items():
        found[f"messages on {topic}"] = bag.counts[topic]
        found[f"type of {topic}"] = about.type
        found[f"serialization_format of {topic}"] = about.serialization
        found[f"offered_qos_profiles of {topic}"] = _profiles(about.qos)
        found[f"type_description_hash of {topic}"] = about.hash
    return found


def _profiles(written: str) -> Any:
    """The QoS profiles in text, which may be empty. Raises InvalidInput where it is not YAML."""
    return parse_yaml(written, "offered_qos_profiles") or []
