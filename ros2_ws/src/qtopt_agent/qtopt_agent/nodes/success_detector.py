"""Says whether a grasp has succeeded: from the jaw at once, and from pictures of the bin after the drop.

`judge` is asked by the agent after the last motion and goes by the jaw; asked about no episode, it says what the jaw
holds now. To label as Kalashnikov et al. 2018, section 5: carry the closed jaw out of view and call `before`, open it
over the bin and carry it away again, and call `after`. That compares the pictures and has the episode logger correct
the episode's label. `look` says whether the bin has changed since the last look, and whether it is empty.
"""

import time
from functools import partial
from pathlib import Path
from typing import Any

import cv2
from qtopt_msgs.msg import GripperState
from qtopt_msgs.srv import JudgeGrasp, LabelEpisode, LookAtBin
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from std_srvs.srv import Trigger

from qtopt_agent.core.errors import InvalidInput, StorageError
from qtopt_agent.graph import settings, topics
from qtopt_agent.graph.parameters import declare
from qtopt_agent.graph.process import run_node
from qtopt_agent.nodes import diagnostics
from qtopt_agent.nodes.conversions import seconds
from qtopt_agent.nodes.pictures import picture_type, raw_image
from qtopt_agent.nodes.qos import SENSOR
from qtopt_agent.perception.ingest import decode
from qtopt_agent.perception.pictures import decode_picture
from qtopt_agent.perception.success import SuccessDetector, SuccessSettings

ANSWER_TIME = 5.0  # s for a logger that may have been killed


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
        self._judged: tuple[str, Any] | None = None  # episode, and the jaw when it was judged
        self._before: Any = None
        self._seen: Any = None  # the bin at the last look
        self._empty, self._empty_file = None, Path(p["empty_bin"]) if p["empty_bin"] else None
        if self._empty_file is not None and self._empty_file.exists():
            self._empty = decode_picture(self._empty_file.read_bytes(), str(self._empty_file))
        self._label_time = p["label_time"]
        self._to_label: dict[str, tuple[Any, float]] = {}  # episode: the request, and until when it is made
        self._labelling: Any = None  # under way
        self.create_subscription(GripperState, topics.GRIPPER_STATE, self._on_jaw, SENSOR)
        self.create_subscription(picture_type(p["image_topic"]), p["image_topic"], self._on_image, SENSOR)
        self.create_service(JudgeGrasp, topics.JUDGE, self._judge)
        self.create_service(Trigger, topics.BIN_BEFORE, self._on_before)
        self.create_service(JudgeGrasp, topics.BIN_AFTER, self._on_after)
        self.create_service(LookAtBin, topics.BIN_LOOK, self._on_look)
        self._labels = self.create_client(LabelEpisode, topics.LABEL)
        self.create_timer(1.0, self._label, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._verdicts = self._successes = 0
        diagnostics.Diagnostics(self, "judging", self._diagnose)

    def _on_jaw(self, message: Any) -> None:
        self._jaw = message

    def _on_image(self, message: Any) -> None:
        self._image = message

    def _judge(self, request: Any, response: Any) -> Any:
        try:
            jaw = self._fresh("gripper state", self._jaw)
            if request.episode_id:
                self._judged = request.episode_id, jaw
                self._before = None
            verdict = self._detector.judge(jaw.aperture, jaw.effort, closed=jaw.closed)
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
            self._before = self._picture()
        except InvalidInput as error:
            response.success, response.message = False, str(error)
            return response
        response.success, response.message = True, "drop the object and call after"
        return response

    def _on_after(self, request: Any, response: Any) -> Any:
        try:
            if self._before is None or self._judged is None:
                raise InvalidInput("call before first: there is no picture of the bin from before the drop")
            episode_id, jaw = self._judged
            if request.episode_id not in ("", episode_id):
                raise InvalidInput(f"episode is {request.episode_id!r}, {episode_id!r} was judged last")
            after = self._picture()
            verdict = self._detector.judge(jaw.aperture, jaw.effort, self._before, after, closed=jaw.closed)
        except InvalidInput as error:
            response.judged, response.message = False, str(error)
            return response
        self._before = self._judged = None
        response.judged, response.success = True, verdict.success
        response.message = f"{'success' if verdict.success else 'failure'}: {verdict.reason}"
        author = f"{self.get_name()}, confidence {verdict.confidence:.2f}: {verdict.reason}"
        label = LabelEpisode.Request(episode_id=episode_id, success=verdict.success, author=author)
        self._to_label[episode_id] = label, time.monotonic() + self._label_time
        self._label()
        return response

    def _on_look(self, request: Any, response: Any) -> Any:
        try:
            now = self._picture()
            if request.empty:
                self._know_empty(now)
            response.changed = self._seen is not None and self._detector.by_images(self._seen, now).success
            if self._empty is not None:
                filled = self._detector.by_images(self._empty, now).success
                response.fill = LookAtBin.Response.FILLED if filled else LookAtBin.Response.EMPTY
        except (InvalidInput, StorageError) as error:
            response.message = str(error)
            return response
        if request.remember:
            self._seen = now
        response.looked = True
        return response

    def _know_empty(self, picture: Any) -> None:
        self._empty = picture
        if self._empty_file is not None:
            _, png = cv2.imencode(".png", picture[:, :, ::-1])
            try:
                self._empty_file.write_bytes(png.tobytes())
            except OSError as error:
                raise StorageError(f"empty_bin cannot be written: {error}") from error

    def _label(self) -> None:
        """Have a label recorded: a logger may be busy with the end of the episode, or may just be started again."""
        now = time.monotonic()
        for episode_id, (request, end) in list(self._to_label.items()):
            if now > end:
                del self._to_label[episode_id]
                self.get_logger().warning(f"the label of {episode_id} is not recorded: {request.author}")
        if not self._to_label or not self._labels.service_is_ready():
            return
        if self._labelling is None or self._labelling[0].done() or now > self._labelling[1]:
            request, _ = next(iter(self._to_label.values()))
            sent = self._labels.call_async(request)
            self._labelling = sent, now + ANSWER_TIME
            sent.add_done_callback(partial(self._labelled, request.episode_id))

    def _labelled(self, episode_id: str, future: Any) -> None:
        answer = future.result()
        if answer.success:
            self._to_label.pop(episode_id, None)
            self.get_logger().info(answer.message)
        elif episode_id in self._to_label:
            self._to_label[episode_id] = self._to_label.pop(episode_id)  # the others first
            self.get_logger().info(f"{answer.message}; it is tried again", throttle_duration_sec=5.0)

    def _picture(self) -> Any:
        return decode(raw_image(self._fresh("picture", self._image))).copy()

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
