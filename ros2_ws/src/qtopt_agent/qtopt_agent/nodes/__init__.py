"""ROS 2 nodes: parameters, topics and lifecycle around the ROS-free code."""
