"""Where the models are that came with the package. Without torch, for launch files: ROS 2's own Python may lack it."""

from pathlib import Path

from qtopt_agent.core.errors import InvalidInput


def released_models() -> Path:
    """The folder `models` here, or of the checkout that this package runs from. Raises InvalidInput without one."""
    for folder in (Path("models"), *(parent / "models" for parent in Path(__file__).resolve().parents[5:6])):
        if folder.is_dir():
            return folder
    raise InvalidInput("there is no folder models here, nor one that came with the package: name a model with --model")
