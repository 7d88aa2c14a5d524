"""What the simulator tells of the nearest object."""

import numpy as np
import pytest

from qtopt_agent.simulation.measurement import PRIVILEGED_NAMES, measure
from qtopt_agent.simulation.parts import Part, surface_points

BRICK = surface_points([Part("box", (0.01, 0.04, 0.015))])  # long axis along y


def _turned(points: np.ndarray, yaw: float, at: tuple[float, float, float]) -> np.ndarray:
    c, s = np.cos(yaw), np.sin(yaw)
    return points @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) + at


def _measure(yaw: float, at: tuple[float, float, float], tips: tuple[float, float, float], gripper_yaw: float) -> dict:
    return dict(zip(PRIVILEGED_NAMES, measure(_turned(BRICK, yaw, at), np.array(tips), gripper_yaw), strict=True))


def test_the_offset_is_in_metres_in_the_gripper_frame() -> None:
    seen = _measure(0.0, (0.05, 0.02, 0.015), (0.01, 0.0, 0.2), np.pi / 2)
    # Turned by 90 degrees, the gripper's x points along the world's y, and its y along the world's -x.
    assert [seen["object_x_m"], seen["object_y_m"]] == pytest.approx([0.02, -0.04], abs=1e-6)
    assert seen["object_z_m"] == pytest.approx(0.015 - 0.2, abs=1e-6)
    assert seen["object_top_m"] == pytest.approx(0.03, abs=1e-6)


@pytest.mark.parametrize("gripper_yaw", [0.0, 0.7, -2.0])
@pytest.mark.parametrize("yaw", [0.0, 0.5, 1.5, 3.0])
def test_the_orientation_is_that_of_the_long_axis_seen_from_the_gripper(yaw: float, gripper_yaw: float) -> None:
    seen = _measure(yaw, (0, 0, 0.015), (0, 0, 0.2), gripper_yaw)
    axis = np.arctan2(seen["object_sin2"], seen["object_cos2"]) / 2
    expected = yaw + np.pi / 2 - gripper_yaw
    assert np.cos(2 * (axis - expected)) == pytest.approx(1, abs=1e-5)
    assert 0.8 < np.hypot(seen["object_sin2"], seen["object_cos2"]) <= 1
    assert seen["object_width_m"] == pytest.approx(0.02, abs=1e-5)


def test_a_round_object_has_no_orientation() -> None:
    disc = surface_points([Part("cylinder", (0.03, 0.01))])
    seen = dict(zip(PRIVILEGED_NAMES, measure(disc, np.zeros(3), 0.3), strict=True))
    assert np.hypot(seen["object_sin2"], seen["object_cos2"]) < 1e-6
    assert seen["object_width_m"] == pytest.approx(0.06, rel=0.04)
