"""Names of the graph's topics, services and actions: relative, so that a graph can be put into a namespace.

Where a real arm's drivers publish is in its profile: image_topic, joint_states_topic, pose_topic, output.topic,
gripper.name. Any name can be remapped when a node is started.
"""

IMAGE = "camera/image_raw"  # sensor_msgs/Image, unless a profile says otherwise
JOINT_STATES = "gripper/joint_states"  # sensor_msgs/JointState, from a simulator
REALSENSE = "camera/color/image_raw"  # sensor_msgs/Image, as realsense2_camera publishes it in namespace camera
GRIPPER_STATE = "gripper/state"  # qtopt_msgs/GripperState, from the arm driver
POSE = "arm/pose"  # geometry_msgs/PoseStamped, measured; from the arm driver where it is told by tf
TARGET_POSE = "arm/target_pose"  # geometry_msgs/PoseStamped: set point
TARGET_TWIST = "arm/target_twist"  # geometry_msgs/TwistStamped: set point
GRIPPER_COMMAND = "gripper/command"  # control_msgs/GripperCommand, where a profile's gripper.interface is topic
COMMAND = "qtopt/command"  # qtopt_msgs/GraspCommand
SAFETY = "qtopt/safety"  # qtopt_msgs/SafetyStatus
GUARD = "qtopt/guard"  # std_msgs/Bool: the stop guard lives; false: it has taken the driver for dead
STEP = "qtopt/step"  # qtopt_msgs/GraspStep
PERSON = "qtopt/person"  # qtopt_msgs/PersonCommand
EVENT = "qtopt/event"  # qtopt_msgs/EpisodeEvent
MODEL = "qtopt/model"  # qtopt_msgs/ModelInfo, kept for late subscribers
CYCLE = "qtopt/cycle"  # qtopt_msgs/CycleStatus, kept for late subscribers
TRAINER = "qtopt/trainer"  # qtopt_msgs/TrainerStatus
TF = "/tf"  # tf2_msgs/TFMessage: frames that move, of all robots
TF_STATIC = "/tf_static"  # the same: frames that do not
DIAGNOSTICS = "/diagnostics"  # diagnostic_msgs/DiagnosticArray, for all of ROS 2

GRASP = "qtopt/grasp"  # action qtopt_msgs/Grasp
LOAD_MODEL = "agent/load_model"  # qtopt_msgs/LoadModel
ARM = "arm_driver/arm"  # std_srvs/SetBool: true arms, false disarms
RESUME = "arm_driver/resume"  # std_srvs/Trigger: go on after a fault
LABEL = "episode_logger/label"  # qtopt_msgs/LabelEpisode
JUDGE = "success_detector/judge"  # qtopt_msgs/JudgeGrasp, asked by the agent after the last motion
BIN_BEFORE = "success_detector/before"  # std_srvs/Trigger: the closed jaw is out of view, look at the bin
BIN_AFTER = "success_detector/after"  # qtopt_msgs/JudgeGrasp: the object was dropped, look again and label
BIN_LOOK = "success_detector/look"  # qtopt_msgs/LookAtBin: has the bin changed, is it empty?
PAUSE = "cycle/pause"  # std_srvs/Trigger: stop until told to go on
GO_ON = "cycle/resume"  # std_srvs/Trigger: go on, also after a fault of the arm driver
SIMULATOR_JUDGE = "simulator/judge"  # qtopt_msgs/JudgeGrasp, answered by a simulator that knows
RESET = "simulator/reset"  # qtopt_msgs/ResetBin
