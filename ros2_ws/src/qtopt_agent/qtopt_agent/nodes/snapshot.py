"""Waits for one picture on a topic and writes it to a file; prints, as JSON, why there is none. `qtopt cell check`."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import rclpy
from rclpy.node import Node

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.parameter import Parameter
from qtopt_agent.graph.parameters import declare
from qtopt_agent.nodes.pictures import picture_type, raw_image
from qtopt_agent.nodes.qos import SENSOR
from qtopt_agent.perception.ingest import decode

PARAMETERS = (
    Parameter("topic", "", "Of the pictures."),
    Parameter("file", "", "For the picture, PNG.", path=True),
    Parameter("seconds", 5.0, "How long to wait, s.", 0.5, 60.0),
)


def main() -> int:
    """Write the first picture, say what went wrong, and end."""
    rclpy.init()
    node = Node("snapshot")
    p = declare(node, PARAMETERS)
    found: list[Any] = []
    node.create_subscription(picture_type(p["topic"]), p["topic"], found.append, SENSOR)
    end = time.monotonic() + p["seconds"]
    while not found and time.monotonic() < end:
        rclpy.spin_once(node, timeout_sec=max(0.0, end - time.monotonic()))
    problem = "" if found else f"no picture on {node.resolve_topic_name(p['topic'])} within {p['seconds']:g} s"
    if found:
        try:
            picture = decode(raw_image(found[0]))
        except InvalidInput as error:
            problem = str(error)
        else:
            Path(p["file"]).write_bytes(cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes())
    print(json.dumps(problem), flush=True)
    node.destroy_node()
    rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
