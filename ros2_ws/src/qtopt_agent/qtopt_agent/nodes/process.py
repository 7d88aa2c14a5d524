"""What every node's `main` does: join the graph, spin, and leave it in order on SIGINT or SIGTERM."""

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import rclpy
from rclpy.executors import MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions

from qtopt_agent.core.errors import QtoptError
from qtopt_agent.nodes.parameters import declare
from qtopt_agent.runtime.arm_profile import Parameter
from qtopt_agent.standalone.run import LAUNCHER

AUTOSTART = Parameter("autostart", False, "Configure and activate the node at once, instead of when it is told to.")


def run_node(make: Callable[[], Any], threads: int = 1) -> int:
    """Run one node until a signal, or until its attribute `finished` holds an exit code. Returns the exit code.

    A managed node with its parameter `autostart` set is configured and activated, and a failure of that ends the
    process. A node with a method `stop() -> bool` has it called after the signal, while it still spins, until it
    returns True: the graph is left only then, so that the last message of a driver is a stop.
    """
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask)
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    executor = SingleThreadedExecutor() if threads == 1 else MultiThreadedExecutor(threads)
    try:
        node = make()
        autostart = isinstance(node, LifecycleNode) and declare(node, [AUTOSTART])[AUTOSTART.name]
    except QtoptError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        rclpy.try_shutdown()
        return 2
    executor.add_node(node)
    try:
        code: int | None = None if not autostart or _activated(node) else 2
        launcher = int(os.environ.get(LAUNCHER, os.getppid()))
        while not asked and code is None and os.getppid() == launcher:  # a dead launcher leaves no node behind
            executor.spin_once(timeout_sec=0.1)
            code = getattr(node, "finished", None)
    finally:  # also after a bug in a callback, an arm is told to stop
        stop = getattr(node, "stop", None)
        while stop is not None and not stop():
            executor.spin_once(timeout_sec=0.02)
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()
    return code or 0


def _activated(node: Any) -> bool:
    for trigger in (node.trigger_configure, node.trigger_activate):
        if trigger() != TransitionCallbackReturn.SUCCESS:
            return False
    return True
