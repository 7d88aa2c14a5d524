"""A twin, the driver of its arm and the stop guard as processes: armed by a person, the tips go where they are told."""

import tempfile
from importlib.util import find_spec

from arm_tools import Arm
from geometry_msgs.msg import PoseStamped
from graph_tools import Spinning, np, started, until
from qtopt_msgs.msg import GraspCommand
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image, JointState

from qtopt_agent.graph.description import PROFILES, arm_file, build
from qtopt_agent.safety.arm_profile import read_parameters

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
            follow(probe.node, twin)


def follow(node, twin):
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
    opened, shut = share_shut(twin, heard), GraspCommand.CLOSE
    assert abs(opened) < 0.1, opened
    goal = before + np.array([0.04, 0.0, -0.05])
    for _ in range(5):  # a busy machine holds an arm up, and Servo heeds a velocity for 0.1 s only
        if np.linalg.norm(left := goal - place(heard)) < 0.01:
            break
        arm.command(x=left[0], z=left[2])

        def over(left=left):
            arm.command(new=False, x=left[0], z=left[2])
            status = arm.status()
            assert not status.faults, status
            return status.asked.sequence == arm.sequence and not status.moving

        until(over, "the end of the motion")
    assert np.linalg.norm(goal - place(heard)) < 0.01, goal - place(heard)
    arm.command(gripper=shut)

    def closed():
        arm.command(new=False, gripper=shut)
        return share_shut(twin, heard) > 0.9

    until(closed, "the jaw to shut")


def share_shut(twin, heard):
    """How far the jaw is shut, 0 to 1."""
    parameters = read_parameters(arm_file(PROFILES[twin]))
    state = heard[JointState][-1]
    position = state.position[list(state.name).index(parameters["gripper.joint"])]
    opened, shut = (parameters[f"gripper.{end}_position"] for end in ("open", "closed"))
    return (position - opened) / (shut - opened)


def place(heard):
    position = heard[PoseStamped][-1].pose.position
    return np.array([position.x, position.y, position.z])
