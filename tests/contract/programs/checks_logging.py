"""What a logger writes, and refuses."""

import os
import tempfile
import time

from harness import alone, raises
from rclpy.logging import LoggingSeverity


def logged(action):
    """What `action` writes to stderr, also below Python."""
    with tempfile.TemporaryFile("w+") as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            action()
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        file.seek(0)
        return file.read().splitlines()


def check_a_logger_writes_level_time_name_and_text():
    with alone() as node:
        logger = node.get_logger()
        (line,) = logged(lambda: logger.warning("careful"))
        level, stamp, rest = line.split("] ", 2)
        assert level == "[WARN" and rest == "[alone]: careful" and abs(float(stamp[1:]) - time.time()) < 5, line
        assert not logged(lambda: logger.debug("details"))
        (line,) = logged(lambda: logger.get_child("part").error("broken"))
        assert line.startswith("[ERROR]") and line.endswith("[alone.part]: broken")
        logger.set_level(LoggingSeverity.ERROR)
        assert not logged(lambda: logger.info("quiet")) and len(logged(lambda: logger.fatal("loud"))) == 1


def check_a_logger_writes_once_or_seldom_when_told():
    with alone(name="seldom") as node:
        logger = node.get_logger()

        def repeat():
            for number in range(10):
                logger.info(f"once {number}", once=True)
                logger.info(f"seldom {number}", throttle_duration_sec=0.05)
                time.sleep(0.02)

        lines = logged(repeat)
        once, seldom = ([line for line in lines if word in line] for word in ("once", "seldom "))
        assert len(once) == 1 and once[0].endswith("once 0") and 2 <= len(seldom) < 10, lines


def check_a_place_in_the_code_keeps_its_severity_and_filters():
    with alone(name="keeping") as node:

        def say(severity, text="text", **how):
            return node.get_logger().log(text, severity, **how)

        def change():
            assert say(LoggingSeverity.INFO) and say(LoggingSeverity.INFO)
            raises(ValueError, say, LoggingSeverity.ERROR)
            raises(ValueError, say, LoggingSeverity.INFO, once=True)
            raises(ValueError, say, LoggingSeverity.INFO, throttle_duration_sec=1.0)
            assert not say(LoggingSeverity.DEBUG)  # what is not shown is not looked at
            raises(TypeError, say, LoggingSeverity.INFO, 3)
            for _ in range(2):  # two places on one line
                node.get_logger().info("one"), node.get_logger().error("other")
            assert node.get_logger().get_child("part").log("text", LoggingSeverity.ERROR)

        assert len(logged(change)) == 7
