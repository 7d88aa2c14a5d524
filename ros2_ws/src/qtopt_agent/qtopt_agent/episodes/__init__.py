"""Episodes on disk: rosbag2 bags in MCAP files, their index, and how they are checked and repaired."""
