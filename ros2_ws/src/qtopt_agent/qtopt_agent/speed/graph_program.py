"""The other side of what `qtopt bench graph` measures: camera, arm and client of the node under test.

Started by the command, with the parameter `part`; prints its measurements as one JSON line.
"""

import contextlib
import json
import sys
import threading

import rclpy
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor

from qtopt_agent.core.errors import InvalidInput, QtoptError
from qtopt_agent.speed.bench_node import BenchNode
from qtopt_agent.speed.graph_deciding import decide
from qtopt_agent.speed.graph_logging import log
from qtopt_agent.speed.graph_stopping import stop

PARTS = {"decide": decide, "log": log, "stop": stop}


def main() -> int:
    """Measure, print and end."""
    rclpy.init()
    node, executor = BenchNode(), MultiThreadedExecutor(4)
    executor.add_node(node)

    def spin() -> None:
        with contextlib.suppress(ExternalShutdownException):
            executor.spin()

    spinning = threading.Thread(target=spin, daemon=True)
    spinning.start()
    try:
        if node.p["part"] not in PARTS:
            raise InvalidInput(f"part is {node.p['part']!r}, expected one of {', '.join(PARTS)}")
        print(json.dumps(PARTS[node.p["part"]](node)), flush=True)
        return 0
    except QtoptError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    finally:
        executor.shutdown()
        rclpy.try_shutdown()
        spinning.join(timeout=5.0)
