"""A twin, the driver of its arm and the stop guard as processes: armed by a person, the tips go where they are told."""

import tempfile
from importlib.util import find_spec

from arm_tools import Arm
from geometry_msgs.msg import PoseStamped
from graph_tools import Spinning, np, started, until
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image, JointState

from qtopt_agent.graph.description import build

# A busy machine is no fault, and an arm that it holds up is not at its goal.
PATIENT = "patience: 4.0, ages: {camera: 5.0, gripper: 5.0, pose: 5.0, command: 5.0, driver: 5.0}"


def check_a_ur_goes_where_the_driver_lets_it():
    goes("ur5e")


def check_a_panda_goes_where_the_driver_lets_it():
    goes("panda")


def goes(twin):
    if find_spec("robosuite") is None:
        raise RuntimeError("SKIP: the twins were NOT run: pip install --no-deps robosuite==1.5.2")
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(f"/**: {{ros__parameters: {{{PATIENT}}}}}\n/twin: {{ros__parameters: {{camera_rate: 3.0}}}}\n")
        file.flush()
        nodes = build("grasp", {"twin": twin, "clutter": "1", "params": file.name})
        few = [node for node in nodes if node.name in ("twin", "arm_driver", "stop_guard")]
        with started(few), Spinning("probe") as probe:
            follow(probe.node)


def follow(node):
    heard = {kind: [] for kind in (PoseStamped, Image, CameraInfo, JointState)}
    for kind, topic in (
        (PoseStamped, "/arm/pose"),
        (Image, "/camera/color/image_raw"),
        (CameraInfo, "/camera/color/camera_info"),
        (JointState, "/joint_states"),
    ):
        node.create_subscription(kind, topic, heard[kind].append, qos_profile_sensor_data)
    arm = Arm(node)
    arm.armed()
    until(lambda: all(heard.values()), "pose, picture, lens and joints")
    image, info = heard[Image][-1], heard[CameraInfo][-1]
    assert (image.width, image.height, info.width, info.height) == (640, 480, 640, 480)
    assert image.header.frame_id == info.header.frame_id and info.k[0] > 600 and len(info.d) == 5
    before = place(heard)
    arm.command(x=0.04, z=-0.05)

    def over():
        arm.command(new=False, x=0.04, z=-0.05)
        status = arm.status()
        assert not status.faults, status
        return status.asked.sequence == arm.sequence and not status.moving

    until(over, "the end of the motion")
    moved = place(heard) - before
    assert np.linalg.norm(moved - (0.04, 0.0, -0.05)) < 0.01, moved


def place(heard):
    position = heard[PoseStamped][-1].pose.position
    return np.array([position.x, position.y, position.z])
