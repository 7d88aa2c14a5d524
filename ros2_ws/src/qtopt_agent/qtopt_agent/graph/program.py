"""What `ros2 run` and `ros2 launch` start: the node that the program is named after."""

import sys
from pathlib import Path

from qtopt_agent.standalone.run import start


def main() -> int:
    """Run the node. Returns the exit code."""
    return start(f"qtopt_agent.nodes.{Path(sys.argv[0]).name}")
