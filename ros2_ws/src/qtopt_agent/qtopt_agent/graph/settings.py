"""The parameters of every node of a graph: what a parameter file may hold."""

from dataclasses import replace
from typing import Any

from qtopt_agent.agent.cycle_values import CycleSettings
from qtopt_agent.agent.devices import BUTTONS
from qtopt_agent.core.clutter import MOST
from qtopt_agent.core.parameter import Parameter
from qtopt_agent.core.policy import SCRIPTS
from qtopt_agent.graph import topics
from qtopt_agent.perception.success import SuccessSettings
from qtopt_agent.safety.arm_profile import ARM_PARAMETERS

# What several nodes have to agree on; the rest of the arm's profile is for the driver and its guard.
SHARED = (
    *("base_frame", "tip_frame", "tool_orientation", "cell", "floor_height"),
    *("pose_topic", "joint_states_topic", "image_topic"),
)
MODEL = "model"
POLICIES = (MODEL, *SCRIPTS)
DEVICES = ("keyboard", "joy")
SOURCES = ("realsense", "v4l2", "folder", "video")
_SUCCESS = SuccessSettings()
_CYCLE = CycleSettings()


def _arm(**defaults: Any) -> tuple[Parameter, ...]:
    """Those of SHARED that a node has, with the `defaults` that it has on its own."""
    known = {parameter.name: parameter for parameter in ARM_PARAMETERS}
    return tuple(replace(known[name], default=default) for name, default in defaults.items())


AUTOSTART = Parameter("autostart", False, "Configure and activate the node at once, instead of when it is told to.")
ARM_DRIVER = (
    *ARM_PARAMETERS,
    Parameter("arm_on_start", False, "Arm as soon as all inputs are there, unless disarmed before. For simulators."),
)
STOP_GUARD = ARM_PARAMETERS
AGENT = (
    *_arm(image_topic=topics.IMAGE, pose_topic="", base_frame="", tip_frame="tool0", cell="", floor_height=0.0),
    *_arm(tool_orientation=[1.0, 0.0, 0.0, 0.0]),
    Parameter("model", "", "Folder of a model, or of a store of models: then the newest one.", path=True),
    Parameter(
        "trusted_keys", "", "File of public keys, one of which must have signed a model; empty: any model.", path=True
    ),
    Parameter("watch", 2.0, "Time between two looks for a newer model in the store, s; 0 for none.", 0.0, 3600.0),
    Parameter("image_age", 0.3, "Oldest image to decide from, s.", 0.01, 10.0),
    Parameter("mismatch", 0.05, "Most time between the image and the state it goes with, s.", 0.001, 1.0),
    Parameter("input_timeout", 2.0, "Wait for a usable image and state, s.", 0.1, 60.0),
    Parameter("motion_timeout", 10.0, "Wait for the end of one motion, s.", 0.1, 120.0),
    Parameter("status_timeout", 1.0, "Longest silence of the arm driver, s.", 0.1, 10.0),
    Parameter("judge_timeout", 10.0, "Wait for the success detector, s.", 0.0, 120.0),
    Parameter("judge", topics.JUDGE, "Service that says whether a grasp has succeeded; empty: nobody does."),
    Parameter(
        "least_aperture", 0.8, "Least opening of the jaw to begin with, share of its model's cell; 0: any.", 0.0, 1.0
    ),
    Parameter("policy", MODEL, f"What decides: {', '.join(POLICIES)}."),
    Parameter("device", "cpu", "Where a model decides: cpu, cuda, cuda:N, or auto for the first GPU if there is one."),
    Parameter("epsilon", 0.0, "Share of a model's actions in whose place a random one is tried.", 0.0, 1.0),
    Parameter("noise", 0.0, "Standard deviation on a model's motions, as a fraction of half their range.", 0.0, 1.0),
    Parameter("person_age", 0.3, "Silence of a person's hand after which the attempt ends with a stop, s.", 0.1, 5.0),
    Parameter("repeat", 0.05, "Time between two repetitions of a command while its motion lasts, s.", 0.01, 1.0),
)
CAMERA = (
    *_arm(image_topic=topics.IMAGE),
    Parameter("source", "realsense", f"One of {', '.join(SOURCES)}."),
    Parameter(
        "device", "", "RealSense: serial number, empty for the first; else the device, folder or file.", path=True
    ),
    Parameter("width", 640, "px; a folder or video has its own.", 16, 8192),
    Parameter("height", 480, "px; a folder or video has its own.", 16, 8192),
    Parameter("rate", 30.0, "Pictures per second, Hz.", 0.5, 200.0),
    Parameter("timeout", 1.0, "Without a picture for this time, the camera has stalled, s.", 0.05, 10.0),
    Parameter("frame_id", "camera_optical_frame", "Frame of the pictures, z forward."),
)
_OBJECTS = (
    Parameter(
        "objects", "held-out", "A split of shape families, as train or held-out, or a folder of meshes.", path=True
    ),
    Parameter("clutter", [1, 1], "Fewest and most objects in the bin.", 1, MOST),
)
_SIMULATED = _arm(base_frame="world", pose_topic=topics.POSE, joint_states_topic=topics.JOINT_STATES)
GAZEBO = (*_SIMULATED, *_arm(image_topic=topics.IMAGE), *_OBJECTS)
SIMULATOR = (
    *_SIMULATED,
    *_arm(image_topic=topics.IMAGE, cell=""),
    Parameter("frame_id", "wrist_camera", "Frame of the pictures, z forward."),
    Parameter("profile", "detailed", "Profile whose picture the simulator gives; smaller models average it."),
    *_OBJECTS,
    Parameter("seed", 0, "Of the first objects.", 0, 2**63 - 1),
    Parameter("camera_rate", 30.0, "Images per second of simulated time, Hz.", 0.5, 200.0),
    Parameter("state_rate", 100.0, "Poses and joint states per second of simulated time, Hz.", 1.0, 100.0),
    Parameter("speed", 1.0, "Simulated seconds in a second.", 0.01, 100.0),
    Parameter("clock", False, "Publish simulated time on /clock and stamp with it; else stamp with the node's clock."),
    Parameter(
        "rehearse", False, "Show what an arm shows: neither reset nor judge, the camera's whole stream, late and noisy."
    ),
    Parameter("noise", 3.0, "rehearse: deviation of a picture's pixels, grey levels of 255.", 0.0, 100.0),
    Parameter("truth", "", "rehearse: file for where hand and objects really are, JSON lines.", path=True),
    Parameter("setpoint_timeout", 0.5, "The hand holds after this time without a set point, s.", 0.01, 10.0),
)
TWIN = (
    *_arm(cell=""),
    Parameter("twin", "panda", "The arm: panda or ur5e."),
    *_OBJECTS,
    Parameter("seed", 0, "Of objects, textures, light and noise.", 0, 2**63 - 1),
    Parameter("camera_rate", 15.0, "Pictures per second, Hz, where the machine can draw so many.", 0.5, 60.0),
    Parameter("truth", "", "File for where tips and objects really are, JSON lines, for a checker.", path=True),
)
SUCCESS_DETECTOR = (
    *_arm(image_topic=topics.IMAGE),
    Parameter("empty_aperture", _SUCCESS.empty_aperture, "A jaw that closes further holds nothing, m.", 0.0, 1.0),
    Parameter("open_aperture", _SUCCESS.open_aperture, "A jaw that is wider has not closed, m.", 0.001, 1.0),
    Parameter("holding_effort", _SUCCESS.holding_effort, "A jaw that presses less holds nothing, N.", 0.0, 500.0),
    Parameter("region", list(_SUCCESS.region), "The bin in the picture: left, top, right, bottom, 0..1.", 0, 1),
    Parameter("difference", _SUCCESS.difference, "Change of colour that counts, CIELAB units.", 0.1, 200.0),
    Parameter("area", _SUCCESS.area, "Smallest changed patch that is an object, share of the region.", 1e-6, 0.99),
    Parameter("age", 0.5, "Oldest gripper state and picture to judge by, s.", 0.01, 10.0),
    Parameter("empty_bin", "", "PNG of the empty bin; empty: what `look` has been shown since the start.", path=True),
    Parameter("label_time", 60.0, "Go on trying to have a label recorded, s.", 0.0, 3600.0),
)
EPISODE_LOGGER = (
    *_arm(image_topic=topics.IMAGE),
    Parameter("folder", "episodes", "Where episodes go, in dated folders.", path=True),
    Parameter(
        "buffer", 256, "Images kept until their step is announced, MiB; 256 hold 9 s of 640x480 at 30 Hz.", 1, 65536
    ),
    Parameter("disk.stop", 1.0, "With so little space left, attempts are not recorded, GiB.", 0.0, 1e6),
    Parameter("disk.go_on", 2.0, "With so much space left, they are again, GiB.", 0.001, 1e6),
)
TRAINER = (
    Parameter("episodes", "episodes", "Folder of recorded episodes to watch.", path=True),
    Parameter(
        "model", "", "To begin with: a model or a store, as the agent has it; empty: the released ones.", path=True
    ),
    Parameter("candidates", "candidates", "Store to publish in; not that of the agent.", path=True),
    Parameter("run", "training", "Folder of the round under way: replay store, checkpoint, metrics.", path=True),
    Parameter("preset", "finetune", "Training preset: a name, or a .yaml file.", path=True),
    Parameter("settings", "", "Changes to the preset, key=value with spaces between."),
    Parameter("min_episodes", 100, "Episodes before the first round.", 1, 2**31),
    Parameter("new_episodes", 50, "New episodes before each further round.", 1, 2**31),
    Parameter("steps", 0, "Gradient steps of a round; 0: the preset's.", 0, 2**31),
    Parameter("seed", 0, "Of weights and batches.", 0, 2**63 - 1),
    Parameter("period", 5.0, "Between two looks at the folder, s.", 0.1, 3600.0),
    Parameter("hold_back", 0.2, "Share of the episodes to compare a candidate on.", 0.0, 0.9),
    Parameter("simulate", 100, "Attempts in simulation to compare a candidate on; 0: none.", 0, 10**6),
    Parameter("actors", 1, "Processes that collect in simulation beside the recorded episodes; 0: none.", 0, 64),
)
ATTEMPTS = (
    Parameter("count", 0, "Grasps to try; 0: no end.", 0, 10**9),
    Parameter("seed", 0, "The same one gives the same objects.", 0, 2**63 - 1),
    Parameter("result", "", "JSON file for the numbers; empty for none.", path=True),
)
CYCLE = (
    *ARM_PARAMETERS,
    Parameter("count", _CYCLE.count, "Attempts that come to their end; 0: no end.", 0, 10**9),
    Parameter("seed", _CYCLE.seed, "Of start poses, of places to drop at and of attempts.", 0, 2**63 - 1),
    Parameter("result", "", "JSON file for the numbers; empty for none.", path=True),
    Parameter("recording", False, "Begin nothing while the episode logger is silent or has no room."),
    Parameter(
        "retreat",
        [0.0],
        "x, y, z from where the bin is looked at, base frame, m; none: above the bin for a camera in the hand, else "
        "over a corner of the workspace.",
        -10,
        10,
    ),
    Parameter(
        "failures",
        _CYCLE.failures,
        "Attempts in a row that hold nothing, after which it asks for objects, or holds if the bin is known not to be "
        "empty; 0: never.",
        0,
        10**6,
    ),
    Parameter("cut", _CYCLE.cut, "Attempts in a row that do not come to their end, after which it holds.", 1, 1000),
    Parameter("tries", _CYCLE.tries, "Times to shake off what is stuck in the open jaw.", 0, 100),
    Parameter("settle", _CYCLE.settle, "From the end of a motion to a picture, s.", 0.0, 10.0),
    Parameter("look", _CYCLE.look, "Between two looks at an empty bin, s.", 0.1, 3600.0),
    Parameter("move_time", _CYCLE.move_time, "Longest move, s.", 1.0, 600.0),
    Parameter("motion_time", _CYCLE.motion_time, "Longest motion of one command, s.", 0.1, 120.0),
    Parameter("answer_time", _CYCLE.answer_time, "Wait for a service, s.", 0.1, 120.0),
    Parameter("attempt_time", _CYCLE.attempt_time, "Longest attempt, s.", 1.0, 3600.0),
    Parameter("refusal_time", _CYCLE.refusal_time, "Wait for an agent that takes no attempt, s.", 1.0, 3600.0),
    Parameter("status_time", _CYCLE.status_time, "Longest silence of the arm driver, s.", 0.1, 10.0),
    Parameter("silence", _CYCLE.silence, "Longest silence of another node, s.", 2.0, 60.0),
    Parameter(
        "repeat", _CYCLE.repeat, "Time between two repetitions of a command while its motion lasts, s.", 0.01, 1.0
    ),
)
TELEOP = (
    *_arm(pose_topic="", base_frame="", tip_frame="tool0"),
    Parameter("device", "keyboard", f"What a person moves: {', '.join(DEVICES)}."),
    Parameter("key_step", 0.02, "keyboard: one motion, m.", 0.001, 0.06),
    Parameter("key_turn", 0.2, "keyboard: one turn, rad.", 0.01, 1.0),
    Parameter("joy_topic", "joy", "joy: sensor_msgs/Joy, from a gamepad or a SpaceMouse; 10 a second or more."),
    Parameter("axes", [0, 1, 4, 3], "joy: which axes are x, y, z and yaw, from 0; -1 for none.", -1, 100),
    Parameter(
        "scales", [-0.02, 0.02, 0.02, 0.2], "joy: one motion at full deflection along these, m and rad.", -0.5, 0.5
    ),
    Parameter(
        "buttons",
        [5, 0, 1, 7, 3, 2],
        f"joy: which buttons are {', '.join(BUTTONS)}, from 0; -1 for none.",
        -1,
        100,
    ),
    Parameter("dead_zone", 0.1, "joy: deflection that counts as none.", 0.0, 0.9),
    Parameter("author", "a person", "Who labels."),
)
REPLAY = (
    *_arm(image_topic=topics.IMAGE),
    Parameter("episode", "", "Folder of a recorded episode.", path=True),
    Parameter("rate", 1.0, "Recorded seconds in a second.", 0.01, 100.0),
)

# By a node's name; its module in this folder has the same.
NODES = {
    "agent": (*AGENT, AUTOSTART),
    "arm_driver": (*ARM_DRIVER, AUTOSTART),
    "attempts": ATTEMPTS,
    "camera": CAMERA,
    "cycle": CYCLE,
    "episode_logger": EPISODE_LOGGER,
    "gazebo": GAZEBO,
    "replay": REPLAY,
    "simulator": SIMULATOR,
    "stop_guard": STOP_GUARD,
    "success_detector": SUCCESS_DETECTOR,
    "teleop": TELEOP,
    "trainer": TRAINER,
    "twin": TWIN,
}
# What every node of ROS 2 has.
EVERY_NODE = (
    Parameter("use_sim_time", False, "Go by /clock."),
    Parameter("start_type_description_service", True, "Tell others what the node's types look like."),
)
KNOWN = frozenset(parameter.name for table in (*NODES.values(), EVERY_NODE) for parameter in table)
