"""What an arm driver tells of itself: qtopt_msgs/SafetyStatus and diagnostics."""

import math
import time
from typing import Any

from qtopt_msgs.msg import SafetyStatus
from rclpy.node import Node

from qtopt_agent.graph import topics
from qtopt_agent.nodes import conversions, diagnostics
from qtopt_agent.nodes.driver_memory import DriverMemory
from qtopt_agent.nodes.gripper import ActionGripper, TopicGripper
from qtopt_agent.nodes.qos import RELIABLE
from qtopt_agent.safety.arm_driver import ArmDriverCore
from qtopt_agent.safety.arm_profile import ArmProfile
from qtopt_agent.safety.commands import CommandReport
from qtopt_agent.safety.driver_settings import STATUS_PERIOD
from qtopt_agent.safety.reasons import Reason


class DriverReports:
    """Says at once what changes, and the rest often enough that a driver that dies is missed.

    asked: the message behind the core's last report.
    """

    def __init__(
        self,
        node: Node,
        profile: ArmProfile,
        core: ArmDriverCore,
        gripper: TopicGripper | ActionGripper,
        memory: DriverMemory,
    ) -> None:
        self._node, self._profile, self._core, self._gripper, self._memory = node, profile, core, gripper, memory
        self._out = node.create_publisher(SafetyStatus, topics.SAFETY, RELIABLE)
        self.asked: Any = None
        self._sent = -math.inf
        self._told: tuple[Any, ...] = ()
        self._told_report: CommandReport | None = None
        self._told_faults: tuple[Reason, ...] = ()
        self._latest_tick = 0.0  # s, the longest time between two set points since the last diagnostics
        self._last_tick = -math.inf

    def close(self) -> None:
        """The last word, which the stop guard goes by."""
        self.tell(time.monotonic())
        self._node.destroy_publisher(self._out)

    def ticked(self, now: float) -> None:
        """A set point is about to be sent."""
        self._latest_tick = max(self._latest_tick, now - self._last_tick) if self._last_tick > 0 else 0.0
        self._last_tick = now

    def tell_changes(self, now: float) -> None:
        """Publish the state if it has changed, or has not been told for a while."""
        core = self._core
        same = (core.state, core.faults, core.moving) == self._told and core.report is self._told_report
        if not same or now - self._sent >= STATUS_PERIOD:
            self.tell(now)

    def tell(self, now: float) -> None:
        """Publish the state."""
        core, profile = self._core, self._profile
        reasons, clock = self.in_words(core.faults), conversions.clock_of(self._node)
        if core.faults and core.faults != self._told_faults:
            self._memory.stops += 1
            self._node.get_logger().error(f"stopping: {reasons}")
        self._told_faults, self._told_report = core.faults, core.report
        self._told = (core.state, core.faults, core.moving)
        self._sent = now
        text = reasons or core.state.name.lower()
        text = "; ".join(filter(None, (text, self._memory.guard_trouble, self._gripper.trouble)))
        message = conversions.safety_status(
            core.state, core.report, self.asked, core.faults, core.moving, text, clock, profile.base_frame
        )
        self._out.publish(message)

    def in_words(self, reasons: tuple[Reason, ...]) -> str:
        """For people."""
        texts = list(map(str, reasons))
        if Reason.FOREIGN_SETPOINTS in reasons and self._core.strangers:
            texts.append(f"{', '.join(self._core.strangers)} on {self._profile.output_topic}")
        return "; ".join(texts)

    def diagnose(self) -> tuple[int, str, dict[str, object]]:
        """Level, text and values for diagnostics; the longest time begins anew with each call."""
        core, memory = self._core, self._memory
        late, self._latest_tick = self._latest_tick, 0.0
        values = {
            "state": core.state.name,
            "longest time between set points, s": f"{late:.4f}",
            "commands cut or refused": memory.cut_commands,
            "stops": memory.stops,
            **{f"age of {source}, s": f"{age:.3f}" for source, age in core.ages(time.monotonic()).items()},
        }
        if core.faults:
            return diagnostics.ERROR, "; ".join(core.faults), values
        trouble = self._gripper.trouble or self._gripper.absent or memory.guard_trouble
        if trouble:
            return diagnostics.ERROR, trouble, values
        return diagnostics.OK, core.state.name.lower(), values
