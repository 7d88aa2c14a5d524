"""Makes `import rclpy` and `from sensor_msgs.msg import Image` work in this process. Nothing is written to disk."""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from qtopt_agent.standalone.interfaces import packages, typestore
from qtopt_agent.standalone.messages import message_class

_RCLPY = Path(__file__).parent / "rclpy"
_KINDS = {"msg": "", "srv": "_Request", "action": "_Goal"}


def ros_is_installed() -> bool:
    """Whether the real rclpy can be imported."""
    return find_spec("rclpy") is not None


def install() -> None:
    """Let this process import the stand-ins. Raises RuntimeError where the real rclpy is there, which comes first."""
    if ros_is_installed():
        raise RuntimeError("rclpy is installed here: run the nodes on ROS 2 itself, with `ros2 launch` or `ros2 run`")
    sys.meta_path.append(_Finder())


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == "rclpy":
            return spec_from_file_location(fullname, _RCLPY / "__init__.py", submodule_search_locations=[str(_RCLPY)])
        package, _, kind = fullname.partition(".")
        if package not in packages() or kind not in ("", *_KINDS):
            return None
        return ModuleSpec(fullname, _Interfaces(), is_package=not kind)


class _Interfaces(Loader):
    """Modules `<package>` and `<package>.msg`, `.srv` and `.action`, whose classes are made when asked for."""

    def create_module(self, spec: ModuleSpec) -> None:
        """An ordinary module."""

    def exec_module(self, module: ModuleType) -> None:
        """Give the module its classes."""
        package, _, kind = module.__name__.partition(".")
        if not kind:
            return

        def get(name: str) -> Any:
            full = f"{package}/{kind}/{name}"
            if full + _KINDS[kind] not in typestore().fielddefs:
                raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
            value = _MAKERS[kind](full)
            setattr(module, name, value)
            return value

        module.__dict__["__getattr__"] = get


def service_class(name: str) -> Any:
    """The class of a service such as `std_srvs/srv/Trigger`, with its Request and Response."""
    parts = {part: message_class(f"{name}_{part}") for part in ("Request", "Response")}
    return type(name.split("/")[-1], (), {"TYPE": name, **parts})


def action_class(name: str) -> Any:
    """The class of an action such as `control_msgs/action/GripperCommand`, with its Goal, Result and Feedback."""
    parts = {part: message_class(f"{name}_{part}") for part in ("Goal", "Result", "Feedback", "FeedbackMessage")}
    services = {part: service_class(f"{name}_{part}") for part in ("SendGoal", "GetResult")}
    return type(name.split("/")[-1], (), {"TYPE": name, **parts, **services})


_MAKERS: dict[str, Callable[[str], Any]] = {"msg": message_class, "srv": service_class, "action": action_class}
