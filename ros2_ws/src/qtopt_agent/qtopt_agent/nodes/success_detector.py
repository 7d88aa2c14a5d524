"""Says whether a grasp has succeeded: from the jaw at once, and from pictures of the bin after the drop.

`judge` is asked by the agent after the last motion and goes by the jaw. To label as Kalashnikov et al. 2018, section 5:
carry the closed jaw out of view and call `before`, open it over the bin and carry it away again, and call `after`. That
compares the pictures and has the episode logger correct the episode's label.
"""

from typing import Any

from qtopt_msgs.msg import GripperState
from qtopt_msgs.srv import JudgeGrasp, LabelEpisode
from rclpy.node import Node
from std_srvs.srv import Trigger

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.graph import settings, topics
from qtopt_agent.graph.parameters import declare
from qtopt_agent.graph.process import run_node
from qtopt_agent.nodes import diagnostics
from qtopt_agent.nodes.conversions import seconds
from qtopt_agent.nodes.pictures import picture_type, raw_image
from qtopt_agent.nodes.qos import SENSOR
from qtopt_agent.perception.ingest import decode
from qtopt_agent.perception.success import SuccessDetector, SuccessSettings


class SuccessDetectorNode(Node):
    """Keeps the newest gripper state and picture, and judges by them when asked."""

    def __init__(self) -> None:
        super().__init__("success_detector")
        p = declare(self, settings.SUCCESS_DETECTOR)
        names = ("empty_aperture", "open_aperture", "holding_effort", "difference", "area")
        if len(p["region"]) != 4:
            raise InvalidInput(f"region is {p['region']}, expected left, top, right, bottom")
        self._detector = SuccessDetector(
            SuccessSettings(region=tuple(p["region"]), **{name: p[name] for name in names})
        )
        self._age = p["age"]
        self._jaw: Any = None
        self._image: Any = None
        self._judged: tuple[str, float, float] | None = None  # episode, aperture and effort when it was judged
        self._before: Any = None
        self.create_subscription(GripperState, topics.GRIPPER_STATE, self._on_jaw, SENSOR)
        self.create_subscription(picture_type(p["image_topic"]), p["image_topic"], self._on_image, SENSOR)
        self.create_service(JudgeGrasp, topics.JUDGE, self._judge)
        self.create_service(Trigger, topics.BIN_BEFORE, self._on_before)
        self.create_service(Trigger, topics.BIN_AFTER, self._on_after)
        self._labels = self.create_client(LabelEpisode, topics.LABEL)
        self._verdicts = self._successes = 0
        diagnostics.Diagnostics(self, "judging", self._diagnose)

    def _on_jaw(self, message: Any) -> None:
        self._jaw = message

    def _on_image(self, message: Any) -> None:
        self._image = message

    def _judge(self, request: Any, response: Any) -> Any:
        try:
            jaw = self._fresh("gripper state", self._jaw)
            self._judged = request.episode_id, jaw.aperture, jaw.effort
            self._before = None
            verdict = self._detector.judge(jaw.aperture, jaw.effort)
        except InvalidInput as error:
            response.judged, response.message = False, str(error)
            return response
        self._verdicts += 1
        self._successes += verdict.success
        response.judged, response.success, response.message = True, verdict.success, verdict.reason
        return response

    def _on_before(self, request: Any, response: Any) -> Any:
        try:
            if self._judged is None:
                raise InvalidInput("no grasp has been judged since the last drop")
            self._before = decode(raw_image(self._fresh("picture", self._image))).copy()
        except InvalidInput as error:
            response.success, response.message = False, str(error)
            return response
        response.success, response.message = True, "drop the object and call after"
        return response

    def _on_after(self, request: Any, response: Any) -> Any:
        try:
            if self._before is None or self._judged is None:
                raise InvalidInput("call before first: there is no picture of the bin from before the drop")
            episode_id, aperture, effort = self._judged
            after = decode(raw_image(self._fresh("picture", self._image)))
            verdict = self._detector.judge(aperture, effort, self._before, after)
        except InvalidInput as error:
            response.success, response.message = False, str(error)
            return response
        self._before = self._judged = None
        response.success = True
        response.message = f"{'success' if verdict.success else 'failure'}: {verdict.reason}"
        if self._labels.service_is_ready():
            author = f"{self.get_name()}, confidence {verdict.confidence:.2f}"
            label = LabelEpisode.Request(episode_id=episode_id, success=verdict.success, author=author)
            self._labels.call_async(label).add_done_callback(self._labelled)
        else:
            response.message += "; not recorded: no episode logger answers"
        return response

    def _labelled(self, future: Any) -> None:
        answer = future.result()
        if answer.success:
            self.get_logger().info(answer.message)
        else:
            self.get_logger().warning(answer.message)

    def _fresh(self, name: str, message: Any) -> Any:
        if message is None:
            raise InvalidInput(f"no {name} has come")
        age = self._age_of(message)
        if not -self._age <= age <= self._age:
            raise InvalidInput(f"the newest {name} is {age:.2f} s old, the limit is {self._age} s")
        return message

    def _age_of(self, message: Any) -> float:
        return float(self.get_clock().now().nanoseconds / 1e9 - seconds(message.header.stamp))

    def _diagnose(self) -> tuple[int, str, dict[str, object]]:
        values: dict[str, object] = {"judged": self._verdicts, "successes": self._successes}
        for name, message in (("gripper state", self._jaw), ("picture", self._image)):
            values[f"age of {name}, s"] = "inf" if message is None else f"{self._age_of(message):.3f}"
        try:
            self._fresh("gripper state", self._jaw)
            self._fresh("picture", self._image)
        except InvalidInput as error:
            return diagnostics.WARN, str(error), values
        return diagnostics.OK, "ready", values


def main() -> int:
    """Run the node."""
    return run_node(SuccessDetectorNode)
