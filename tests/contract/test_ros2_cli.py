"""What the `ros2` commands say of a process that runs on the stand-in. Needs a real ROS 2."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator

import pytest

from qtopt_agent.standalone.processes import loopback

from .conftest import real, standalone


@pytest.fixture(scope="module")
def ros2(domain: int) -> Iterator[Callable[..., str]]:
    """`ros2("node", "list")`: what the command prints while `peer` runs on the stand-in."""
    found = real()
    if found is None:
        pytest.skip("no ROS 2 with rmw_cyclonedds here: NOT checked against the real command line")
    environment = dict(found.environment) | {"ROS_DOMAIN_ID": str(domain), "CYCLONEDDS_URI": loopback()}
    command = shutil.which("ros2", path=environment["PATH"])
    if command is None:
        pytest.skip("rclpy is here, but no `ros2` command")
    peer = standalone().start("peer", domain=domain)
    assert peer.stdout and peer.stdout.readline() == "READY\n"

    def run(*words: str, limit: float = 30.0) -> str:
        ended = subprocess.run([command, *words], env=environment, capture_output=True, text=True, timeout=limit)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    yield run
    peer.kill()
    peer.wait()


LATCHED = ("--qos-durability", "transient_local", "--qos-reliability", "reliable", "--no-daemon")
SPIN = ("--no-daemon", "--spin-time", "2")


def test_nodes_are_listed(ros2: Callable[..., str]) -> None:
    assert "/peer" in ros2("node", "list", *SPIN).splitlines()


def test_a_node_shows_its_topics_services_and_actions(ros2: Callable[..., str]) -> None:
    about = ros2("node", "info", "/peer", *SPIN)
    for line in ("/in: sensor_msgs/msg/JointState", "/image: sensor_msgs/msg/Image", "/flag: std_srvs/srv/SetBool"):
        assert line in about, about
    assert "/grip: control_msgs/action/GripperCommand" in about, about


def test_topics_show_their_type_and_the_type_hash_of_ros_2(ros2: Callable[..., str]) -> None:
    assert "/out [sensor_msgs/msg/JointState]" in ros2("topic", "list", "-t", *SPIN)
    about = ros2("topic", "info", "-v", "/image", *SPIN)
    for line in ("Node name: peer", "Topic type hash: RIHS01_", "Reliability: BEST_EFFORT", "Publisher count: 1"):
        assert line in about, about
    # The hash that the real message package was built with.
    share = next(
        f
        for p in dict(real().environment)["AMENT_PREFIX_PATH"].split(os.pathsep)
        if os.path.exists(f := f"{p}/share/sensor_msgs/msg/Image.json")
    )  # type: ignore[union-attr]
    announced = next(line.split()[-1] for line in about.splitlines() if "type hash" in line)
    with open(share) as file:
        assert announced in file.read()


def test_a_topic_is_echoed(ros2: Callable[..., str]) -> None:
    said = ros2("topic", "echo", "--once", "/kept", "std_msgs/msg/String", *LATCHED)
    assert "data: '" in said, said


def test_a_service_is_called(ros2: Callable[..., str]) -> None:
    assert "got True" in ros2("service", "call", "/flag", "std_srvs/srv/SetBool", "{data: true}")


def test_parameters_are_read_described_and_set(ros2: Callable[..., str]) -> None:
    assert "speed" in ros2("param", "list", "/peer", *SPIN)
    assert "Integer value is: 7" in ros2("param", "get", "/peer", "frozen", *SPIN)
    assert "Description: of things" in ros2("param", "describe", "/peer", "speed", *SPIN)
    assert "successful" in ros2("param", "set", "/peer", "speed", "0.75", *SPIN)
    assert "0.75" in ros2("param", "get", "/peer", "speed", *SPIN)


def test_a_managed_node_is_led_through_its_states(ros2: Callable[..., str]) -> None:
    assert "unconfigured [1]" in ros2("lifecycle", "get", "/peer", *SPIN)
    assert "configure [1]" in ros2("lifecycle", "list", "/peer", *SPIN)
    ros2("lifecycle", "set", "/peer", "configure", *SPIN)
    assert "inactive [2]" in ros2("lifecycle", "get", "/peer", *SPIN)


def test_a_goal_is_sent_with_feedback(ros2: Callable[..., str]) -> None:
    said = ros2(
        "action", "send_goal", "--feedback", "/grip", "control_msgs/action/GripperCommand", "{command: {position: 0.5}}"
    )
    assert "SUCCEEDED" in said and "Feedback:" in said and "reached_goal: true" in said, said
