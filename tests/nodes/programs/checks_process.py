"""How a node's process ends: in order, with an exit code that tells the outcome, whatever is raised on the way."""

import io
import threading
import time
from contextlib import redirect_stderr
from dataclasses import replace
from pathlib import Path

from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.graph import process
from qtopt_agent.graph.process import refused, run_node

PERIOD = 0.005  # s


class Streaming(Node):
    """Stands for a driver: `ticks` are its set points, and it stands once `stop` has been called and a few came."""

    def __init__(self, raising=(), wrong_stop=0):
        super().__init__("streaming")
        self.ticks, self.stops, self.after = 0, 0, None
        self.raising, self.wrong_stop = list(raising), wrong_stop
        self.create_timer(PERIOD, self.tick)

    def tick(self):
        self.ticks += 1
        if self.raising and self.ticks > 3:
            raise self.raising.pop(0)

    def stop(self):
        self.stops += 1
        if self.stops <= self.wrong_stop:
            raise ArithmeticError("stop is broken, too")
        if self.after is None:
            self.after = self.ticks
        return self.ticks > self.after + 5


def ended(make, threads=1):
    """Exit code of a node, the node, and what its process has said."""
    made, said = [], io.StringIO()
    with redirect_stderr(said):
        code = run_node(lambda: made.append(make()) or made[-1], threads)
    return code, made[-1], said.getvalue()


def check_an_exception_in_a_callback_ends_the_node_after_its_stop():
    for threads in (1, 3):
        code, node, said = ended(lambda: Streaming([KeyError("first")]), threads)
        assert code == 1 and node.ticks > node.after + 5, (code, node.ticks, node.after)
        assert said.splitlines()[-1] == "error: KeyError: 'first'", said


def check_what_follows_it_is_told_and_does_not_keep_the_stop_from_being_sent():
    for threads in (1, 3):
        raised = [KeyError("first"), ValueError("second"), OSError("third"), ValueError("second")]
        code, node, said = ended(lambda raised=raised: Streaming(raised, wrong_stop=2), threads)
        assert code == 1 and node.ticks > node.after + 5, (code, node.ticks, node.after)
        assert said.splitlines()[-1] == "error: KeyError: 'first'", said
        for text in ("ValueError: second", "OSError: third", "ArithmeticError: stop is broken"):
            assert said.count(text) == 1, said


def check_a_stop_that_never_comes_to_an_end_is_given_up():
    process.STOP_TIME, before = 0.3, process.STOP_TIME
    try:
        began = time.monotonic()
        code, node, _ = ended(lambda: Streaming([KeyError("x")], wrong_stop=10**9))
    finally:
        process.STOP_TIME = before
    assert code == 1 and node.stops > 1 and time.monotonic() - began > 0.3


def check_an_exception_in_any_thread_ends_the_node_with_it():
    class Threaded(Node):
        def __init__(self):
            super().__init__("threaded")
            self.thread = threading.Thread(target=lambda: Path("/nowhere/result.json").write_text(""))
            self.thread.start()

        def stop(self):
            self.thread.join()  # what it says is not to be the next check's
            return True

    code, _, said = ended(Threaded)
    assert code == 1 and said.splitlines()[-1].startswith("error: FileNotFoundError: "), said


def check_bad_input_is_told_in_one_line():
    def make():
        raise InvalidInput("rate is -1, expected more")

    said = io.StringIO()
    with redirect_stderr(said):
        assert run_node(make) == 2
    assert said.getvalue() == "error: rate is -1, expected more\n", said.getvalue()


def check_a_managed_node_that_refuses_to_start_is_told_in_one_line():
    class Managed(LifecycleNode):
        def __init__(self):
            super().__init__("managed")

        def on_configure(self, state):
            return refused(self, InvalidInput("no such model"))

    class Broken(LifecycleNode):
        def __init__(self):
            super().__init__("broken")

        def on_configure(self, state):
            return TransitionCallbackReturn.FAILURE

    for kind, told in ((Managed, "error: no such model\n"), (Broken, "error: broken cannot be activated\n")):
        process.AUTOSTART, before = replace(process.AUTOSTART, default=True), process.AUTOSTART
        try:
            code, _, said = ended(kind)
        finally:
            process.AUTOSTART = before
        assert code == 2 and said == told, said


def check_a_finished_node_ends_with_its_exit_code():
    class Finished(Node):
        def __init__(self):
            super().__init__("finished")
            self.finished = 0

    assert ended(Finished)[::2] == (0, "")
