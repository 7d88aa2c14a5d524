"""Files beside the code: arm profiles, launch files, released models."""

import sys
from pathlib import Path


def shared(relative: str) -> Path:
    """A file or folder that the package installs below share/qtopt_agent, in a checkout or where it is installed."""
    here = Path(__file__).resolve()  # PREFIX/lib/pythonX/site-packages/qtopt_agent/core/shared_files.py where installed
    roots = [here.parents[2], *(prefix / "share/qtopt_agent" for prefix in (here.parents[5], Path(sys.prefix)))]
    return next((root / relative for root in roots if (root / relative).exists()), roots[0] / relative)
