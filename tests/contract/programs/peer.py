"""The other side of `checks_across`: topics, services, parameters, an action, managed states."""

import contextlib
import time

import rclpy
from control_msgs.action import GripperCommand
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor, SetParametersResult
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

STEP = 0.02  # s


class Peer(LifecycleNode):
    def __init__(self):
        super().__init__("peer")
        group = ReentrantCallbackGroup()
        limits = FloatingPointRange(from_value=0.0, to_value=1.0)
        self.declare_parameter(
            "speed", 0.5, ParameterDescriptor(description="of things", floating_point_range=[limits])
        )
        self.declare_parameter("frozen", 7, ParameterDescriptor(read_only=True))
        self.declare_parameter("arm.names", ["a", "b"])
        self.declare_parameter("refused", "no")
        self.add_on_set_parameters_callback(self.judge)

        self.out = self.create_publisher(JointState, "out", 10)
        self.create_subscription(JointState, "in", lambda message: self.out.publish(message), 10, callback_group=group)
        self.raw_out = self.create_publisher(JointState, "raw_out", 10)
        self.create_subscription(
            JointState, "raw_in", lambda data: self.raw_out.publish(data), 10, callback_group=group, raw=True
        )
        self.kept = self.create_publisher(
            String, "kept", QoSProfile(depth=3, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        )
        for number in range(5):
            self.kept.publish(String(data=str(number)))
        self.unkept = self.create_publisher(String, "unkept", 10)
        self.unkept.publish(String(data="too early for anyone"))
        self.images = self.create_publisher(Image, "image", qos_profile_sensor_data)
        self.image = Image(height=480, width=640, encoding="rgb8", step=1920)
        self.image.data.frombytes(bytes(range(256)) * 3600)
        self.create_timer(1 / 30, self.send_image, group)
        self.beat = self.create_lifecycle_publisher(String, "beat", 10)
        self.create_timer(STEP, lambda: self.beat.publish(String(data="beat")), group)

        self.create_service(SetBool, "flag", self.flag, callback_group=group)
        self.create_service(Trigger, "slow", self.slow, callback_group=group)
        self.grip = ActionServer(
            self,
            GripperCommand,
            "grip",
            self.execute,
            callback_group=group,
            goal_callback=lambda goal: GoalResponse.REJECT if goal.command.position < 0 else GoalResponse.ACCEPT,
            cancel_callback=lambda handle: (
                CancelResponse.REJECT if handle.request.command.position > 5 else CancelResponse.ACCEPT
            ),
        )
        self.fail_next = False

    def judge(self, parameters):
        refused = any(parameter.name == "refused" for parameter in parameters)
        return SetParametersResult(successful=not refused, reason="I will not" if refused else "")

    def send_image(self):
        self.image.header.stamp = self.get_clock().now().to_msg()
        self.images.publish(self.image)

    def flag(self, request, response):
        response.success, response.message = request.data, f"got {request.data}"
        return response

    def slow(self, request, response):
        time.sleep(0.2)
        response.success = True
        return response

    def execute(self, handle):
        if handle.request.command.max_effort == 99.0:
            raise ValueError("a bug in the callback")
        for step in range(50):
            if handle.is_cancel_requested:
                handle.canceled()
                return GripperCommand.Result(position=float(step))
            if step * 0.1 >= handle.request.command.position:
                break
            handle.publish_feedback(GripperCommand.Feedback(position=step * 0.1))
            time.sleep(STEP)
        handle.succeed()
        return GripperCommand.Result(position=handle.request.command.position, reached_goal=True)

    def on_configure(self, state):
        self.get_logger().info(f"configuring from {state.label}")
        if self.fail_next:
            raise ValueError("a bug in on_configure")
        return TransitionCallbackReturn.SUCCESS

    def on_error(self, state):
        self.fail_next = False
        return TransitionCallbackReturn.SUCCESS


def main():
    rclpy.init()
    executor = MultiThreadedExecutor(8)
    executor.add_node(Peer())
    print("READY", flush=True)
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        executor.spin()
    rclpy.try_shutdown()
