"""A person's hand: jogs the arm where nobody else moves it, takes over in an attempt, and labels the last grasp.

Everything goes through the guarded driver. In an attempt the agent alone speaks to it, and makes the person's motions
in place of its policy's. See agent/devices.py for what the keys and buttons mean, agent/jog.py for when the arm moves.
"""

import os
import select
import socket
import sys
import termios
import threading
import time
import tty
from typing import Any

from geometry_msgs.msg import PoseStamped
from qtopt_msgs.msg import EpisodeEvent, GraspCommand, PersonCommand, SafetyStatus
from qtopt_msgs.srv import LabelEpisode
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import Joy

from qtopt_agent.agent.devices import HELP, Keys, Stick
from qtopt_agent.agent.jog import Jog
from qtopt_agent.agent.values import AgentCommand
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.graph import settings, topics
from qtopt_agent.graph.parameters import declare
from qtopt_agent.graph.process import run_node
from qtopt_agent.nodes import conversions
from qtopt_agent.nodes.qos import RELIABLE, SENSOR

PERIOD = 0.02  # s between two looks at the device
TOLD = 0.05  # s between two words to the agent
LAST_WORD = 0.2  # s for a stop on its way to the driver when the node ends


class Teleop(Node):
    """Hears the device and the arm; `stop` tells an arm that it moves to stop."""

    def __init__(self) -> None:
        super().__init__("teleop")
        self._p = p = declare(self, settings.TELEOP)
        if p["device"] not in settings.DEVICES:
            raise InvalidInput(f"device is {p['device']!r}, expected one of {', '.join(settings.DEVICES)}")
        self._jog = Jog(f"teleop-{socket.gethostname()}-{os.getpid()}-{time.time_ns() % 10**9}")
        self._stick = Stick(p["axes"], p["scales"], p["buttons"], p["dead_zone"])
        self._keys = Keys(p["key_step"], p["key_turn"])
        self._held, self._told, self._stopped_at = False, -1.0, 0.0
        self._episode = ""
        self._place: Any = None
        self._moved = False
        self._commands = self.create_publisher(GraspCommand, topics.COMMAND, RELIABLE)
        self._out = self.create_publisher(PersonCommand, topics.PERSON, RELIABLE)
        self._labels = self.create_client(LabelEpisode, topics.LABEL)
        self.create_subscription(SafetyStatus, topics.SAFETY, self._on_status, RELIABLE)
        self.create_subscription(EpisodeEvent, topics.EVENT, self._on_event, RELIABLE)
        self.create_subscription(PoseStamped, p["pose_topic"] or topics.POSE, self._on_pose, SENSOR)
        if p["device"] == "joy":
            self._device: Keys | Stick = self._stick
            self.create_subscription(Joy, p["joy_topic"], self._on_joy, SENSOR)
        else:
            self._device = self._keys
            self._terminal = _Terminal(lambda key: self._keys.pressed(key, time.monotonic()))
            print(HELP, flush=True)
        self.create_timer(PERIOD, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def stop(self) -> bool:
        """Let go, and tell an arm that it moves to stop. Returns whether that has been said for long enough."""
        if not self._stopped_at:
            self._stopped_at = time.monotonic()
            if self._p["device"] != "joy":
                self._terminal.close()
        return time.monotonic() - self._stopped_at > LAST_WORD

    def _on_joy(self, message: Any) -> None:
        self._stick.heard(message.axes, message.buttons, time.monotonic())

    def _on_status(self, message: Any) -> None:
        try:
            self._jog.status(conversions.driver_status(message), time.monotonic())
        except InvalidInput as error:
            self.get_logger().error(str(error), throttle_duration_sec=1.0)

    def _on_event(self, message: Any) -> None:
        if message.kind == EpisodeEvent.END:
            self._episode = message.episode_id

    def _on_pose(self, message: Any) -> None:
        self._place = message.pose.position

    def _tick(self) -> None:
        now, clock = time.monotonic(), conversions.clock_of(self)
        wants = self._device.wants(now)
        wanted = None if self._stopped_at else wants.action
        if wants.label is not None:
            self._label(wants.label)
        self._tell_agent(wanted, wants.silent and not self._stopped_at, clock, now)
        moved = self._jog.moves
        command = self._jog.tick(wanted, clock, now)
        if command is not None:
            about = AgentCommand(command, float("nan"), "", clock)
            self._commands.publish(conversions.command_message(about, self._p["tip_frame"]))
        if moved and not self._jog.moves and self._place is not None:
            x, y, z = self._place.x, self._place.y, self._place.z
            self.get_logger().info(f"the tips are at {x:.3f}, {y:.3f}, {z:.3f} m in {self._p['base_frame']}")

    def _tell_agent(self, wanted: Any, silent: bool, clock: float, now: float) -> None:
        """That it is held, again and again; once that it was let go; nothing of a device that may be dead."""
        if wanted is None:
            if self._held and not silent:
                self._out.publish(conversions.person_message(None, clock, self._p["tip_frame"]))
            self._held = self._held and silent and now - self._told < 1.0
        elif now - self._told >= TOLD:
            self._held, self._told = True, now
            self._out.publish(conversions.person_message(wanted, clock, self._p["tip_frame"]))
            if not wanted.still and self._jog.taken:
                self.get_logger().info("the agent makes these motions", throttle_duration_sec=5.0)

    def _label(self, success: bool) -> None:
        word = "success" if success else "failure"
        if not self._episode or not self._labels.service_is_ready():
            self.get_logger().warning(f"{word}: there is no grasp to label, or nobody records")
            return
        episode = self._episode
        request = LabelEpisode.Request(episode_id=episode, success=success, author=self._p["author"])

        def answered(future: Any) -> None:
            done = future.result()
            told = self.get_logger().info if done.success else self.get_logger().error
            told(f"{episode}: {word}{'' if done.success else f', not labelled: {done.message}'}")

        self._labels.call_async(request).add_done_callback(answered)


class _Terminal:
    """Calls `pressed` with each character that is typed. Raises InvalidInput where there is no terminal."""

    def __init__(self, pressed: Any) -> None:
        if not sys.stdin.isatty():
            raise InvalidInput("device is keyboard, but nothing is typed here: run it in a terminal of its own")
        self._pressed, self._ended = pressed, threading.Event()
        self._before = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)
        self._thread = threading.Thread(target=self._read, name="keys", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._ended.set()
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

    def _read(self) -> None:
        while not self._ended.is_set():
            if select.select([sys.stdin], [], [], 0.1)[0]:
                key = os.read(sys.stdin.fileno(), 1).decode(errors="replace")
                if not key:
                    return  # the terminal is gone: nothing is pressed any more
                self._pressed(key)


def main() -> int:
    """Run the node."""
    return run_node(Teleop)
