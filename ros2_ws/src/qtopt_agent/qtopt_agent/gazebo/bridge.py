"""What ros_gz_bridge carries between Gazebo and ROS 2, and by which names."""

from typing import Any

import yaml

from qtopt_agent.gazebo.release import Release

HAND, OBJECTS = "hand", "objects"  # models
JOINTS = ("x", "y", "z", "yaw", "left", "right")
HAND_POSES = "gazebo/hand_poses"  # in ROS: where the hand and its links are, as tf2_msgs/TFMessage
IMAGE = "/camera/image_raw"  # in Gazebo


def joint_topic(joint: str) -> str:
    """Where a joint's set point goes, m or rad; in ROS without the slash before it."""
    return f"/gazebo/joint/{joint}"


def bridge_config(release: Release, image: str) -> str:
    """YAML for parameter_bridge's config_file. image: topic in ROS. Names in ROS are relative to the bridge's."""
    entries = [
        _entry(release, image, IMAGE, "sensor_msgs/msg/Image", "Image", "GZ_TO_ROS"),
        _entry(release, HAND_POSES, f"/model/{HAND}/pose", "tf2_msgs/msg/TFMessage", "Pose_V", "GZ_TO_ROS"),
    ]
    entries += [
        _entry(release, joint_topic(joint)[1:], joint_topic(joint), "std_msgs/msg/Float64", "Double", "ROS_TO_GZ")
        for joint in JOINTS
    ]
    return yaml.safe_dump(entries, sort_keys=False)


def _entry(release: Release, ros: str, gazebo: str, ros_type: str, gazebo_type: str, way: str) -> dict[str, Any]:
    return {
        "ros_topic_name": ros,
        "gz_topic_name": gazebo,
        "ros_type_name": ros_type,
        "gz_type_name": f"{release.messages}.{gazebo_type}",
        "direction": way,
    }
