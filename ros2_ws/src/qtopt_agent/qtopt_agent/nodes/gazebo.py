"""Between the topics of an arm and a gripper, and those of Gazebo's bridge; lays out objects and judges grasps."""

import os
from typing import Any

from control_msgs.msg import GripperCommand
from geometry_msgs.msg import PoseStamped
from qtopt_msgs.srv import JudgeGrasp, ResetBin
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64
from tf2_msgs.msg import TFMessage

from qtopt_agent.core.cell import EMBEDDED
from qtopt_agent.core.errors import InvalidInput, QtoptError
from qtopt_agent.gazebo.bridge import HAND_POSES, JOINTS, joint_topic
from qtopt_agent.gazebo.poses import Pose
from qtopt_agent.gazebo.release import find_release
from qtopt_agent.gazebo.rig import Rig
from qtopt_agent.gazebo.services import Services
from qtopt_agent.graph import settings, topics
from qtopt_agent.graph.parameters import declare
from qtopt_agent.graph.process import run_node
from qtopt_agent.nodes import conversions
from qtopt_agent.nodes.qos import RELIABLE, SENSOR
from qtopt_agent.safety.tool_pose import orientation_at, unit_quaternion, yaw_and_lean
from qtopt_agent.simulation import object_source

TOOL = unit_quaternion([0.0, 0.0, 0.0, 1.0])  # the hand's z points up


class Gazebo(Node):
    """Everything that decides is in gazebo/rig.py."""

    def __init__(self) -> None:
        super().__init__("gazebo")
        p = declare(self, settings.GAZEBO)
        release = find_release(os.environ)
        self._joints = {joint: self.create_publisher(Float64, joint_topic(joint)[1:], RELIABLE) for joint in JOINTS}
        self._rig = Rig(Services(release), object_source(p["objects"]), tuple(p["clutter"]), self._send)
        self._clock_out = self.create_publisher(Clock, "/clock", SENSOR)
        self._poses = self.create_publisher(PoseStamped, p["pose_topic"] or topics.POSE, SENSOR)
        self._states = self.create_publisher(JointState, p["joint_states_topic"], SENSOR)
        self.create_subscription(TFMessage, HAND_POSES, self._on_hand, SENSOR)
        self.create_subscription(PoseStamped, topics.TARGET_POSE, self._on_pose, SENSOR)
        self.create_subscription(GripperCommand, topics.GRIPPER_COMMAND, self._on_gripper, RELIABLE)
        self._frame, self._runs = p["base_frame"], False

    def _send(self, joints: dict[str, float]) -> None:
        for joint, value in joints.items():
            self._joints[joint].publish(Float64(data=value))

    def _on_hand(self, message: Any) -> None:
        told = {each.child_frame_id.rpartition("/")[2]: _pose(each.transform) for each in message.transforms}
        stamp = conversions.seconds(message.transforms[0].header.stamp)
        rig = self._rig
        rig.hear(stamp, told)
        # Gazebo's own /clock comes at every step, which is too much for nodes in Python.
        self._clock_out.publish(Clock(clock=conversions.time_of(stamp)))
        orientation = orientation_at(rig.yaw, TOOL)
        self._poses.publish(conversions.pose_message(rig.position, orientation, stamp, self._frame))
        finger = rig.aperture / 2
        header = conversions.header(stamp)
        self._states.publish(JointState(header=header, name=["left", "right"], position=[finger, finger]))
        if not self._runs and all(joint.get_subscription_count() for joint in self._joints.values()):
            self._offer_services()

    def _offer_services(self) -> None:
        self._runs = True
        asked = MutuallyExclusiveCallbackGroup()  # they wait for the world to get on, which the others hear of
        self.create_service(ResetBin, topics.RESET, self._on_reset, callback_group=asked)
        self.create_service(JudgeGrasp, topics.SIMULATOR_JUDGE, self._on_judge, callback_group=asked)

    def _on_pose(self, message: Any) -> None:
        position, orientation = conversions.pose_values(message)
        try:
            self._rig.set_pose(position, yaw_and_lean(orientation, TOOL)[0])
        except InvalidInput as error:
            self.get_logger().error(str(error))

    def _on_gripper(self, message: Any) -> None:
        self._rig.set_gripper(message.position < EMBEDDED.jaw.aperture / 4)

    def _on_reset(self, request: Any, response: Any) -> Any:
        if request.seed < 0:
            response.message = f"seed is {request.seed}, expected 0 or more"
            return response
        try:
            self._rig.reset(request.seed)
        except QtoptError as error:
            response.message = str(error)
            self.get_logger().error(str(error))
            return response
        response.success, response.objects = True, list(self._rig.object_names)
        return response

    def _on_judge(self, request: Any, response: Any) -> Any:
        try:
            response.success = self._rig.succeeded()
            response.judged = True
        except QtoptError as error:
            response.message = str(error)
        return response


def _pose(transform: Any) -> Pose:
    p, q = transform.translation, transform.rotation
    return Pose.of((p.x, p.y, p.z), (q.x, q.y, q.z, q.w))


def main() -> int:
    """Run the node."""
    return run_node(Gazebo, threads=2)
