"""Quality of service of the graph's topics."""

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

# A lost sample is replaced by the next one; only the newest matters.
SENSOR = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
# Every message counts.
RELIABLE = QoSProfile(depth=50)
# Late subscribers get the last message.
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# Several drivers may share one topic, as /joint_states and /tf: the message of one must not cost that of another.
SHARED_SENSOR = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
TRANSFORMS = QoSProfile(depth=100)  # these two as tf2 has them
STATIC_TRANSFORMS = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# Controllers may insist on reliable set points; an old one is of no use.
SETPOINT = QoSProfile(depth=1)
