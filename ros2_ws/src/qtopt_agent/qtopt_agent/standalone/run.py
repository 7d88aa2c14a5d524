"""Runs one node file where ROS 2 is not installed: `python -m qtopt_agent.standalone.run MODULE [--ros-args ...]`.

MODULE is imported and its `main()` called. `qtopt launch` starts nodes through this; it does not replace `ros2 run`.
"""

import importlib
import sys

from qtopt_agent.standalone.hooks import install


def main() -> int:
    """Run the module named first on the command line; its own arguments follow. Returns the exit code."""
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    install()
    module = sys.argv.pop(1)
    sys.argv[0] = module
    return importlib.import_module(module).main() or 0


if __name__ == "__main__":
    sys.exit(main())
