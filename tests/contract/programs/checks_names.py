"""Names of nodes, topics and services, and the arguments that change them."""

import contextlib
import io

from control_msgs.action import GripperCommand
from harness import alone, raises, until
from rclpy.action import ActionServer
from std_msgs.msg import String
from std_srvs.srv import Trigger


def check_names_are_expanded_and_remapped():
    args = ["-r", "__ns:=/cell", "-r", "__node:=renamed", "-r", "camera:=/wrist/camera", "-r", "~/mine:=yours"]
    with alone(*args) as node:
        assert node.get_fully_qualified_name() == "/cell/renamed" and node.get_namespace() == "/cell"
        topics = {
            name: node.create_publisher(String, name, 1).topic_name for name in ("camera", "b/c", "/d", "~/e", "~/mine")
        }
        expected = {
            "camera": "/wrist/camera",
            "b/c": "/cell/b/c",
            "/d": "/d",
            "~/e": "/cell/renamed/e",
            "~/mine": "/cell/yours",
        }
        assert topics == expected, topics
        assert node.create_service(Trigger, "camera", lambda _, answer: answer).service_name == "/wrist/camera"
        assert node.get_logger().name == "cell.renamed"
    with alone() as node:
        for bad in ("two words", "1st", "a//b", ""):
            raises((ValueError, Exception), node.create_publisher, String, bad, 1)
    raises(Exception, lambda: alone(name="no good").__enter__())


def check_a_namespace_holds_topics_services_actions_and_a_remapped_clock():
    with alone("-r", "__ns:=/lab/left", "-r", "/clock:=clock", "-p", "use_sim_time:=true") as node:
        assert node.resolve_topic_name("arm/pose") == "/lab/left/arm/pose"
        assert node.resolve_topic_name("/diagnostics") == "/diagnostics"
        assert node.resolve_service_name("~/arm") == "/lab/left/alone/arm"
        client = node.create_client(Trigger, "arm_driver/resume")
        assert client.srv_name in ("arm_driver/resume", "/lab/left/arm_driver/resume")  # rclpy tells it as it was given
        hand = ActionServer(node, GripperCommand, "hand/gripper_cmd", lambda handle: None)
        expected = {"/lab/left/hand/gripper_cmd/_action/status", "/lab/left/clock"}
        # rclpy learns also of its own topics from DDS, a moment later
        until(lambda: expected <= {name for name, _ in node.get_topic_names_and_types()}, what=f"seeing {expected}")
        until(lambda: node.count_subscribers("clock") == 1, what="seeing its subscription of the clock")
        hand.destroy()


def check_nothing_but_ros_arguments_follows_ros_args():
    raises(Exception, lambda: alone("--no-such-flag").__enter__())
    with contextlib.redirect_stderr(io.StringIO()):
        raises(Exception, lambda: alone("-p", "no_value").__enter__())
        raises(Exception, lambda: alone("-r", "__ns:=left").__enter__())
