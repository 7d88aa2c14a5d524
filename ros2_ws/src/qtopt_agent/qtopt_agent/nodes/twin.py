"""A stranger's arm behind the topics of its real drivers: joints, tf, a RealSense; twists or poses, a gripper's action.

It tells nobody more than they do. What is true of its objects goes into a file for a checker, where one is named.
"""

import threading
import time
from collections import deque
from typing import Any

import numpy as np
from control_msgs.action import GripperCommand, ParallelGripperCommand
from geometry_msgs.msg import PoseStamped, TwistStamped
from rclpy.action import ActionServer, GoalResponse
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage

from qtopt_agent.cells.cell_file import load_cell
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.rotations import matrix_of
from qtopt_agent.core.shared_files import shared
from qtopt_agent.graph import settings, topics
from qtopt_agent.graph.parameters import declare
from qtopt_agent.graph.process import run_node
from qtopt_agent.nodes import conversions, diagnostics
from qtopt_agent.nodes.qos import SENSOR, SETPOINT, STATIC_TRANSFORMS, TRANSFORMS
from qtopt_agent.nodes.real_time import RealTime
from qtopt_agent.safety.frame_tree import FramePose
from qtopt_agent.simulation.truth import TruthLog
from qtopt_agent.twin.arms import Takes
from qtopt_agent.twin.jaw import JawGoal
from qtopt_agent.twin.pictures import TwinCamera
from qtopt_agent.twin.scene import FLANGE_TO_TIP
from qtopt_agent.twin.world import TwinWorld

PERIOD = 0.008  # s between two joint states, of steady time
CAMERA_FRAME = "camera_color_optical_frame"
DRIVERS = QoSProfile(depth=10)  # as theirs have it
_TOLERANCE, _STILL = 0.02, 0.05  # of a jaw's way: within which a goal is reached, and a way in a second that is none


class Twin(Node):
    """Moves, is seen and measured, as fast as the wall's clock goes."""

    def __init__(self) -> None:
        super().__init__("twin")
        p = declare(self, settings.TWIN)
        self._cell = load_cell(p["cell"] or str(shared(f"config/twins/{p['twin']}.yaml")))
        self._world = TwinWorld(p["twin"], self._cell, p["objects"], tuple(p["clutter"]), p["seed"])
        arm = self._arm = self._world.arm
        self._truth = TruthLog(p["truth"]) if p["truth"] else None
        self._joints = self.create_publisher(JointState, "joint_states", DRIVERS)
        self._tf = self.create_publisher(TFMessage, topics.TF, TRANSFORMS)
        self._fixed = self.create_publisher(TFMessage, topics.TF_STATIC, STATIC_TRANSFORMS)
        self._images = self.create_publisher(Image, topics.REALSENSE, SENSOR)
        self._infos = self.create_publisher(CameraInfo, "camera/color/camera_info", SENSOR)
        if arm.takes is Takes.TWISTS:
            self.create_subscription(TwistStamped, arm.setpoints, self._on_twist, SETPOINT)
            self._offer_switch()
        else:
            self.create_subscription(PoseStamped, arm.setpoints, self._on_pose, SETPOINT)
        self._goals: dict[bytes, JawGoal] = {}  # by the goal's id
        self._newest: Any = None  # the handle of the goal that is under way
        self._jaw = ActionServer(
            self,
            ParallelGripperCommand if arm.jaw.parallel else GripperCommand,
            arm.jaw.action,
            self._end_goal,
            goal_callback=self._on_goal,
            handle_accepted_callback=self._on_accepted,
        )
        for name, answer in (
            ("protective_stop", self._on_stop),
            ("unlock", self._on_unlock),
            ("refill", self._on_refill),
        ):
            self.create_service(Trigger, f"twin/{name}", answer)
        self._fixed.publish(TFMessage(transforms=self._mounted()))
        self._real_time = RealTime()
        self._seen = (self._now(), self._world.data.qpos.copy())
        # Steady time: nobody's /clock moves an arm.
        self.create_timer(PERIOD, self._tick, clock=Clock(clock_type=ClockType.STEADY_TIME))
        diagnostics.Diagnostics(self, "twin", self._diagnose)
        self._running = True
        self._thread = threading.Thread(target=self._film, args=(p["seed"], 1 / p["camera_rate"]), name="camera")
        self._thread.start()

    def stop(self) -> bool:
        """Wait for the picture that is being taken."""
        self._running = False
        self._thread.join(timeout=0.02)
        return not self._thread.is_alive()

    def _now(self) -> float:
        return float(self.get_clock().now().nanoseconds * 1e-9)

    def _tick(self) -> None:
        self._world.advance(self._real_time.passed())
        stamp = self._now()
        self._seen = (stamp, self._world.data.qpos.copy())
        joints = self._world.joints()
        state = JointState(header=conversions.header(stamp), name=list(joints))
        state.position, state.velocity = ([each[k] for each in joints.values()] for k in (0, 1))
        state.effort = [0.0] * len(joints)  # as drivers say that do not measure it
        self._joints.publish(state)
        arm = self._arm
        flange = FramePose(*self._world.flange(), stamp)
        self._tf.publish(TFMessage(transforms=[conversions.transform_message(arm.base, arm.flange, flange, stamp)]))
        self._look_at_jaw()
        if self._truth is not None:
            self._truth.record(self._world, stamp)

    def _mounted(self) -> list[Any]:
        """Tip and camera on the flange."""
        arm, camera = self._arm, self._cell.camera
        turn, stamp = matrix_of(arm.tip_turn), self._now()
        to_cell = turn.T @ FLANGE_TO_TIP
        tip = FramePose(np.array([0.0, 0.0, arm.jaw.height]), turn, stamp)
        lens = FramePose(to_cell @ np.array(camera.position), to_cell @ camera.rotation, stamp)
        told = (arm.flange, arm.tip, tip), (arm.tip, CAMERA_FRAME, lens)
        return [conversions.transform_message(*each, stamp) for each in told]

    def _film(self, seed: int, period: float) -> None:
        """Take pictures, each sent as late as a camera's are."""
        camera = TwinCamera(self._world.model, self._cell.camera, seed)
        late, rng = self._cell.camera.age, np.random.default_rng([seed, 5])
        waiting: deque[tuple[float, Any]] = deque()
        due = time.monotonic()
        while self._running:
            now = time.monotonic()
            while waiting and waiting[0][0] <= now:
                self._send(waiting.popleft()[1])
            if now < due:
                time.sleep(min(due - now, 0.002))
                continue
            due = max(due + period, now)
            stamp, positions = self._seen
            image = conversions.image_message(camera.take(positions), stamp, CAMERA_FRAME)
            waiting.append((now + float(rng.uniform(*late)) / 2, image))
        camera.close()

    def _send(self, image: Any) -> None:
        camera = self._cell.camera
        info = CameraInfo(header=image.header, width=camera.width, height=camera.height, distortion_model="plumb_bob")
        info.d, info.k = list(camera.distortion or [0.0] * 5), camera.matrix.ravel()
        info.r, info.p = np.eye(3).ravel(), np.column_stack([camera.matrix, np.zeros(3)]).ravel()
        self._images.publish(image)
        self._infos.publish(info)
        self._real_time.pictures += 1

    def _offer_switch(self) -> None:
        """MoveIt Servo takes nothing until it is told what will come."""
        try:
            from moveit_msgs.srv import ServoCommandType
        except ImportError:
            self.get_logger().warning("moveit_msgs is not installed: twists are taken without switch_command_type")
            self._world.take_twists()
            return

        def switch(request: Any, response: Any) -> Any:
            response.success = request.command_type == ServoCommandType.Request.TWIST
            if response.success:
                self._world.take_twists()
            return response

        self.create_service(ServoCommandType, "servo_node/switch_command_type", switch)

    def _on_twist(self, message: Any) -> None:
        if self._of_base(message):
            linear, angular = (
                [getattr(v, axis) for axis in "xyz"] for v in (message.twist.linear, message.twist.angular)
            )
            self._heed(lambda: self._world.set_twist(np.array(linear), np.array(angular)))

    def _on_pose(self, message: Any) -> None:
        if self._of_base(message):
            position, orientation = conversions.pose_values(message)
            to_cell = matrix_of(self._arm.tip_turn).T @ FLANGE_TO_TIP
            self._heed(lambda: self._world.set_pose(position, matrix_of(list(orientation)) @ to_cell))

    def _of_base(self, message: Any) -> bool:
        frame = message.header.frame_id
        if frame != self._arm.base:
            text = f"set point in {frame!r}, expected {self._arm.base!r}"
            self.get_logger().error(text, throttle_duration_sec=1.0)
        return bool(frame == self._arm.base)

    def _heed(self, set_point: Any) -> None:
        try:
            heeded = set_point()
        except InvalidInput as error:
            self.get_logger().error(str(error), throttle_duration_sec=1.0)
            return
        if not heeded:
            why = "the arm is in a protective stop" if self._world.stopped else "Command type has not been set"
            self.get_logger().warning(f"set point ignored: {why}", throttle_duration_sec=2.0)

    def _on_goal(self, goal: Any) -> Any:
        return GoalResponse.ACCEPT if np.isfinite(self._wanted(goal)).all() else GoalResponse.REJECT

    def _wanted(self, goal: Any) -> tuple[float, float]:
        """Position and effort of a goal; no numbers where it has none."""
        command = goal.command
        if not self._arm.jaw.parallel:
            return command.position, command.max_effort
        if len(command.position) != 1:
            return np.nan, np.nan
        return command.position[0], command.effort[0] if command.effort else self._arm.jaw.force

    def _on_accepted(self, handle: Any) -> None:
        jaw, (position, effort) = self._arm.jaw, self._wanted(handle.request)
        way = abs(jaw.opened - jaw.closed)
        self._world.set_jaw(position, effort)
        self._goals[bytes(handle.goal_id.uuid)] = JawGoal(position, _TOLERANCE * way, _STILL * way)
        before, self._newest = self._newest, handle
        if before is not None:  # a new goal takes the place of the old one, which is neither reached nor stalled
            before.execute()

    def _look_at_jaw(self) -> None:
        handle = self._newest
        goal = None if handle is None else self._goals[bytes(handle.goal_id.uuid)]
        if goal is not None and goal.ended(*self._world.jaw(), self._world.time):
            self._newest = None
            handle.execute()

    def _end_goal(self, handle: Any) -> Any:
        goal, (position, _) = self._goals.pop(bytes(handle.goal_id.uuid)), self._world.jaw()
        if goal.reached or (goal.stalled and not self._arm.jaw.aborts):
            handle.succeed()
        else:
            handle.abort()
        if not self._arm.jaw.parallel:
            return GripperCommand.Result(position=position, stalled=goal.stalled, reached_goal=goal.reached)
        state = JointState(name=[next(iter(self._arm.jaw.published))], position=[position])
        return ParallelGripperCommand.Result(state=state, stalled=goal.stalled, reached_goal=goal.reached)

    def _on_stop(self, request: Any, response: Any) -> Any:
        self._world.protective_stop()
        response.success, response.message = True, "the arm is in a protective stop"
        return response

    def _on_unlock(self, request: Any, response: Any) -> Any:
        self._world.unlock()
        response.success, response.message = True, "the protective stop has ended"
        return response

    def _on_refill(self, request: Any, response: Any) -> Any:
        response.success, response.message = True, f"{self._world.refill()} objects put back"
        return response

    def _diagnose(self) -> tuple[int, str, dict[str, object]]:
        return self._real_time.diagnose(self._world.time)


def main() -> int:
    """Run the node."""
    return run_node(Twin)
