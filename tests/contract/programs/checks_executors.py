"""What runs when, and in which thread; how spinning ends."""

import contextlib
import threading
import time

import rclpy
from harness import Spinning, alone, raises, result, run, until
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor, SingleThreadedExecutor
from std_msgs.msg import String
from std_srvs.srv import Trigger


class Overlap:
    """Counts how many calls run at once."""

    def __init__(self):
        self.running = self.most = self.calls = 0
        self.lock = threading.Lock()

    def __call__(self):
        with self.lock:
            self.running += 1
            self.calls += 1
            self.most = max(self.most, self.running)
        time.sleep(0.05)
        with self.lock:
            self.running -= 1


def check_callback_groups_say_what_runs_at_once():
    for group, alike in (
        (MutuallyExclusiveCallbackGroup(), lambda n: n == 1),
        (ReentrantCallbackGroup(), lambda n: n > 1),
    ):
        with Spinning("alone") as one:
            overlap = Overlap()
            for _ in range(3):
                one.node.create_timer(0.01, overlap, group)
            until(lambda overlap=overlap: overlap.calls >= 6)
            assert alike(overlap.most), overlap.most


def check_an_error_in_a_callback_ends_spin():
    for kind in (SingleThreadedExecutor, MultiThreadedExecutor):
        with alone() as node:

            def fail():
                raise LookupError("on purpose")

            node.create_timer(0.01, fail)
            executor = kind(context=node.context)
            executor.add_node(node)
            raises(LookupError, executor.spin)
            executor.shutdown()


def check_spin_once_returns_after_its_timeout():
    with alone() as node:
        run(node, 0.2)
        start = time.monotonic()
        rclpy.spin_once(node, executor=SingleThreadedExecutor(context=node.context), timeout_sec=0.1)
        assert time.monotonic() - start < 1.0


def check_a_future_is_waited_for_and_calls_back():
    with alone() as node:
        node.create_service(Trigger, "hit", lambda _, answer: Trigger.Response(success=True, message="yes"))
        client = node.create_client(Trigger, "hit")
        until(client.service_is_ready)
        future, seen = client.call_async(Trigger.Request()), []
        future.add_done_callback(lambda done: seen.append(done.result().message))
        executor = SingleThreadedExecutor(context=node.context)
        executor.add_node(node)
        executor.spin_until_future_complete(future, timeout_sec=5.0)
        assert future.done() and future.result().message == "yes"
        until(lambda: executor.spin_once(timeout_sec=0.02) or seen)
        never = rclpy.task.Future()
        start = time.monotonic()
        executor.spin_until_future_complete(never, timeout_sec=0.2)
        assert not never.done() and 0.15 < time.monotonic() - start < 2.0


def check_other_threads_wake_the_executor():
    with Spinning("alone") as one:
        seen = []
        guard = one.node.create_guard_condition(lambda: seen.append(threading.current_thread()))
        guard.trigger()
        until(lambda: seen)
        assert seen[0] is not threading.main_thread()
        assert result(one.executor.create_task(lambda a, b: a + b, 1, 2)) == 3


def check_shutdown_ends_spin_and_forbids_publishing():
    with contextlib.suppress(RuntimeError), alone() as node:
        told = []
        node.context.on_shutdown(lambda: told.append(1))
        publisher = node.create_publisher(String, "out", 1)
        executor = SingleThreadedExecutor(context=node.context)
        executor.add_node(node)
        threading.Timer(0.2, node.context.try_shutdown).start()
        with contextlib.suppress(ExternalShutdownException):
            executor.spin()
        assert not node.context.ok()
        until(lambda: told)
        raises(RuntimeError, publisher.publish, String())
        raises(RuntimeError, node.context.shutdown)
