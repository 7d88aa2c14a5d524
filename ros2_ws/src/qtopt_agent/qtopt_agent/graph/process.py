"""What every node's `main` does: join the graph, spin, and leave it in order, whatever goes wrong on the way."""

import gc
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.executors import MultiThreadedExecutor, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions

from qtopt_agent.core.errors import QtoptError
from qtopt_agent.graph.failures import Failures
from qtopt_agent.graph.parameters import declare
from qtopt_agent.graph.settings import AUTOSTART
from qtopt_agent.standalone.processes import BAD_INPUT, FAILED
from qtopt_agent.standalone.run import SIGNALS, Launcher

SETTLE = 0.05  # s for what other threads are in the middle of: rclpy's executor does not wait for them
STOP_TIME = 6.0  # s that a node's `stop` may take: after 8 the launcher kills the process


def run_node(make: Callable[[], Any], threads: int = 1) -> int:
    """Run one node until a signal, an error, or until its attribute `finished` holds an exit code, which is returned.

    A managed node with its parameter `autostart` set is configured and activated, and a failure of that ends the
    process. A node with a method `stop() -> bool` has it called at the end, while it still spins, until it returns
    True, for at most STOP_TIME: the graph is left only then, so that the last message of a driver is a stop. An
    exception that leaves a callback, a thread or `stop` ends the node in the same order, and those that follow are
    said and change nothing.
    """
    code = _run_node(make, threads)
    threading.excepthook = threading.__excepthook__
    gc.collect()  # what is left of the node leaves DDS: its peers would wait a second for an answer to what they sent
    return code


def _run_node(make: Callable[[], Any], threads: int) -> int:
    asked: list[int] = []
    hang_up = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)  # its terminal has closed
    for number in (*SIGNALS, *hang_up):
        signal.signal(number, lambda number, frame: asked.append(number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    failures = Failures()
    threading.excepthook = lambda uncaught: failures.add(uncaught.exc_value or uncaught.exc_type())
    node = failures.attempt(lambda: _made(make))
    if node is None:
        failures.attempt(rclpy.try_shutdown)
        failures.last_words()
        return BAD_INPUT if isinstance(failures.first, QtoptError) else FAILED
    executor = SingleThreadedExecutor() if threads == 1 else MultiThreadedExecutor(threads)
    executor.add_node(node)
    if node.autostart:
        failures.attempt(lambda: _activate(node))
    code = BAD_INPUT if isinstance(failures.first, QtoptError) else None
    launcher = Launcher()
    while not asked and code is None and failures.first is None and launcher.lives():
        failures.attempt(lambda: executor.spin_once(timeout_sec=0.1))
        code = getattr(node, "finished", None)
    stop, end = getattr(node, "stop", lambda: True), time.monotonic() + STOP_TIME
    while not failures.attempt(stop) and time.monotonic() < end:
        failures.attempt(lambda: executor.spin_once(timeout_sec=0.02))
    if threads > 1:
        time.sleep(SETTLE)
    for leave in (executor.shutdown, node.destroy_node, rclpy.try_shutdown):
        failures.attempt(leave)
    failures.last_words()
    return code or (FAILED if failures.first else 0)


def refused(node: Any, error: QtoptError) -> TransitionCallbackReturn:
    """A transition of a managed node that cannot be made because of `error`: logged, or what the process ends of."""
    if node.autostart:
        node.refusal = error
    else:
        node.get_logger().error(str(error))
    return TransitionCallbackReturn.FAILURE


def _made(make: Callable[[], Any]) -> Any:
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = make()
    node.autostart = isinstance(node, LifecycleNode) and declare(node, [AUTOSTART])[AUTOSTART.name]
    return node


def _activate(node: Any) -> None:
    for trigger in (node.trigger_configure, node.trigger_activate):
        if trigger() != TransitionCallbackReturn.SUCCESS:
            raise getattr(node, "refusal", None) or QtoptError(f"{node.get_name()} cannot be activated")
    node.autostart = False  # from now on others ask for its transitions
