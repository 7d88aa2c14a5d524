"""A bag's metadata.yaml, as rosbag2 of ROS 2 Jazzy reads it (version 9)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.documents import parse_yaml
from qtopt_agent.episodes.messages import TOPICS, type_hash

FILE_NAME = "metadata.yaml"


@dataclass
class BagSummary:
    """Messages a topic, and the log times (ns) of the first and the last one."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TOPICS, 0))
    start: int = 0
    end: int = 0

    def add(self, topic: str, log_time: int) -> None:
        """Count one message."""
        self.start = log_time if self.total == 0 else min(self.start, log_time)
        self.end = max(self.end, log_time)
        self.counts[topic] = self.counts.get(topic, 0) + 1

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
  version: 9
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
    if text == metadata_text(mcap_name, bag):
        return []
    try:
        info = parse_yaml(text, FILE_NAME)["rosbag2_bagfile_information"]
        topics = {item["topic_metadata"]["name"]: item["message_count"] for item in info["topics_with_message_count"]}
        said = {
            "storage_identifier": info["storage_identifier"],
            "relative_file_paths": info["relative_file_paths"],
            "message_count": info["message_count"],
            "starting_time": info["starting_time"]["nanoseconds_since_epoch"],
            "duration": info["duration"]["nanoseconds"],
            **{f"messages on {topic}": count for topic, count in topics.items()},
        }
    except (InvalidInput, KeyError, TypeError) as error:
        return [f"{FILE_NAME} is not a rosbag2 description: {type(error).__name__} {error}".replace("\n", " ")]
    found: Mapping[str, object] = {
        "storage_identifier": "mcap",
        "relative_file_paths": [mcap_name],
        "message_count": bag.total,
        "starting_time": bag.start,
        "duration": bag.end - bag.start,
        **{f"messages on {topic}": count for topic, count in bag.counts.items()},
    }
    return [
        f"{FILE_NAME} gives {name} {said.get(name)!r}, the file has {found.get(name)!r}"
        for name in {**found, **said}
        if said.get(name) != found.get(name)
    ]
