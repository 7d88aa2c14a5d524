"""Where things are, from the poses that Gazebo tells: of a model in the world, and of its links in the model."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pose:
    """position [3], m, and turn [3, 3], of a frame in another one."""

    position: Array
    turn: Array

    @staticmethod
    def of(position: object, quaternion: object) -> "Pose":
        """Position x, y, z in m; quaternion x, y, z, w of unit length."""
        x, y, z, w = np.asarray(quaternion, dtype=np.float64)
        turn = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
        )
        return Pose(np.asarray(position, dtype=np.float64), turn)

    @property
    def yaw(self) -> float:
        """Turn about z, -pi..pi rad."""
        return float(np.arctan2(self.turn[1, 0], self.turn[0, 0]))

    def place(self, points: Array) -> Array:
        """Points [N, 3] of the inner frame in the outer one."""
        return np.asarray(points @ self.turn.T + self.position)

    def after(self, outer: "Pose") -> "Pose":
        """The same pose, told in the frame in which `outer` is."""
        return Pose(outer.place(self.position), outer.turn @ self.turn)


def in_world(told: dict[str, Pose], model: str) -> dict[str, Pose]:
    """The model and its links in the world; `told` has the links in the model, by name."""
    base = told[model]
    return {name: pose if name == model else pose.after(base) for name, pose in told.items()}


_POSE = re.compile(r"^pose \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_PART = r"\b{} \{{(.*?)\}}"


def read_poses(text: str) -> dict[str, Pose]:
    """Poses by name, from a Pose_V message as `gz topic --echo` prints it: what is 0 is left out there."""
    found = {}
    for body in _POSE.findall(text):
        name = re.search(r'^  name: "(.*)"', body, re.MULTILINE)
        if name:
            position = _values(body, "position", "xyz")
            quaternion = _values(body, "orientation", "xyzw")
            found[name.group(1)] = Pose.of(position, quaternion if any(quaternion) else (0, 0, 0, 1))
    return found


def _values(body: str, part: str, axes: str) -> list[float]:
    inside = re.search(_PART.format(part), body, re.DOTALL)
    pairs = dict(re.findall(r"(\w): (\S+)", inside.group(1))) if inside else {}
    return [float(pairs.get(axis, 0.0)) for axis in axes]
