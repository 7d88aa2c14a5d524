"""Runs every `check_*` function of a module and prints, as JSON, what each of them said: null, or its traceback."""

import contextlib
import faulthandler
import importlib
import json
import sys
import threading
import time
import traceback

import rclpy
from rclpy.executors import MultiThreadedExecutor, SingleThreadedExecutor


class Spinning:
    """A context with its nodes, served in a thread: `with Spinning("probe") as probe: probe.node...`."""

    def __init__(self, *names, args=()):
        self.context = rclpy.Context()
        rclpy.init(args=list(args), context=self.context)
        self.nodes = [rclpy.create_node(name, context=self.context) for name in names]
        self.node = self.nodes[0]

    def __enter__(self):
        self.executor = MultiThreadedExecutor(4, context=self.context)
        for node in self.nodes:
            self.executor.add_node(node)
        self.thread = threading.Thread(target=self._spin, daemon=True)
        self.thread.start()
        return self

    def _spin(self):
        while self.context.ok():
            self.executor.spin_once(timeout_sec=0.05)

    def __exit__(self, *_):
        self.executor.shutdown()
        for node in self.nodes:
            node.destroy_node()
        rclpy.shutdown(context=self.context)
        self.thread.join(5)


@contextlib.contextmanager
def alone(*args, name="alone", **how):
    """A node in a context of its own, not spinning."""
    context = rclpy.Context()
    rclpy.init(args=["--ros-args", *args] if args else [], context=context)
    node = rclpy.create_node(name, context=context, **how)
    try:
        yield node
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)


def run(node, seconds):
    """Serve the node for a while."""
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        executor.spin_once(timeout_sec=max(0.0, end - time.monotonic()))
    executor.remove_node(node)


def until(condition, limit=5.0, what="it"):
    """Wait until `condition()` holds and return what it returned."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"{what} did not happen within {limit} s")


def result(future, limit=5.0):
    """The result of a future that another thread completes."""
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    assert done.wait(limit), f"no result within {limit} s"
    return future.result()


def raises(kind, function, *args, **kwargs):
    """Fail unless `function` raises `kind`; returns the exception."""
    try:
        function(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError(f"no {kind} was raised")


def main():
    faulthandler.dump_traceback_later(80, exit=True)  # says where, should it hang
    module = importlib.import_module(sys.argv[1])
    said = {}
    for name, function in vars(module).items():
        if name.startswith("check_"):
            try:
                function()
                said[name] = None
            except Exception:
                said[name] = traceback.format_exc()
    print("RESULTS", json.dumps(said), flush=True)
