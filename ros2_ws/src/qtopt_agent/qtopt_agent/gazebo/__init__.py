"""The cell in Gazebo: its world as SDF, the objects in it, and what passes between it and ROS 2. Needs no MuJoCo."""
