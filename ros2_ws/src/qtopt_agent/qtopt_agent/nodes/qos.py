"""Quality of service of the graph's topics."""

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

# A lost sample is replaced by the next one; only the newest matters.
SENSOR = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
# Every message counts.
RELIABLE = QoSProfile(depth=50)
# Late subscribers get the last message.
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# Controllers may insist on reliable set points; an old one is of no use.
SETPOINT = QoSProfile(depth=1)
