"""Guards every command and streams bounded set points to an arm. No safety-rated stop: keep the emergency stop near."""

import time
from typing import Any

from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.graph import settings
from qtopt_agent.graph.parameters import declare
from qtopt_agent.graph.process import refused, run_node
from qtopt_agent.nodes import diagnostics
from qtopt_agent.nodes.configured_driver import ConfiguredDriver
from qtopt_agent.nodes.driver_memory import DriverMemory
from qtopt_agent.safety.arm_profile import arm_profile
from qtopt_agent.safety.commands import DriverState

STOP_TIME = 2.0  # s that a stop may take when the node is asked to end


class ArmDriver(LifecycleNode):
    """Disarmed until `/arm_driver/arm` is called; everything that decides is in safety/arm_driver.py."""

    def __init__(self) -> None:
        super().__init__("arm_driver")
        declared = declare(self, settings.ARM_DRIVER)
        self._memory = DriverMemory(arm_on_start=bool(declared.pop("arm_on_start")))
        self._given = declared
        self._driver: ConfiguredDriver | None = None
        self._stopping_since: float | None = None
        diagnostics.Diagnostics(self, "guarding", self._diagnose)

    def on_configure(self, state: Any) -> TransitionCallbackReturn:
        """Check the parameters and open all topics and services."""
        try:
            profile = arm_profile(self._given)
        except InvalidInput as error:
            return refused(self, error)
        self._driver = ConfiguredDriver(self, profile, self._memory)
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: Any) -> TransitionCallbackReturn:
        """Accept the arm service from now on."""
        self._memory.active = True
        return super().on_activate(state)

    def on_deactivate(self, state: Any) -> TransitionCallbackReturn:
        """Disarm: the arm slows down and stops, and nothing can arm it until the node is active again."""
        self._disarm()
        return super().on_deactivate(state)

    def on_cleanup(self, state: Any) -> TransitionCallbackReturn:
        """Close everything. Refused while the arm is still slowing down."""
        if self._driver is not None:
            if self._driver.core.state != DriverState.DISARMED:
                self.get_logger().error("the arm is still slowing down")
                return TransitionCallbackReturn.FAILURE
            self._driver.close()
            self._driver = None
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: Any) -> TransitionCallbackReturn:
        """Disarm; set points go on until the arm has stopped."""
        self._disarm()
        return TransitionCallbackReturn.SUCCESS

    def stop(self) -> bool:
        """Slow down and stop. Returns whether the arm has been told to stand."""
        driver, now = self._driver, time.monotonic()
        if driver is None:
            return True
        if self._stopping_since is None:
            self._stopping_since = now
            self._disarm()
        if driver.core.state != DriverState.DISARMED and now - self._stopping_since <= STOP_TIME:
            return False
        driver.reports.tell(now)  # the guard goes by the last word
        return True

    def _disarm(self) -> None:
        self._memory.active = False
        if self._driver is not None:
            self._driver.core.disarm()

    def _diagnose(self) -> tuple[int, str, dict[str, object]]:
        driver = self._driver
        return driver.reports.diagnose() if driver is not None else (diagnostics.WARN, "not configured", {})


def main() -> int:
    """Run the node."""
    return run_node(ArmDriver)
