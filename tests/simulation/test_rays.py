"""The camera without a graphics library."""

import mujoco
import numpy as np
import pytest

from qtopt_agent.core.mirrors import ACTION_NAMES, MIRRORS
from qtopt_agent.core.observation import MOVED
from qtopt_agent.core.profile import COMPACT, PROFILES, Profile
from qtopt_agent.simulation import PRIVILEGED_NAMES
from qtopt_agent.simulation.layout import SKY
from qtopt_agent.simulation.objects import ObjectSpec
from qtopt_agent.simulation.parts import Part, surface_points
from qtopt_agent.simulation.rays import AMBIENT, RayCamera
from qtopt_agent.simulation.robot import SimulatedRobot

HALF = 0.01
TABLE = f"""
<mujoco>
  <worldbody>
    <camera name="above" pos="0 0 1" fovy="90"/>
    <geom type="box" pos="0.5 0 -0.1" size="0.5 2 0.1" rgba="0.8 0.4 0.2 1"/>
    <geom type="box" pos="-0.5 0.25 0.5" size="{HALF} {HALF} {HALF}" rgba="0 0 1 1"/>
  </worldbody>
</mujoco>"""


def _view(light: tuple[float, float, float], size: tuple[int, int] = (80, 80), oversample: int = 1) -> np.ndarray:
    model = mujoco.MjModel.from_xml_string(TABLE)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return RayCamera("above", size, oversample).render(model, data, light)


@pytest.mark.parametrize("light", [(0.0, 0.0, 1.0), (0.6, 0.0, 0.8), (0.0, 1.0, 0.0)])
def test_a_plane_is_shaded_by_lamberts_law(light: tuple[float, float, float]) -> None:
    expected = np.array([0.8, 0.4, 0.2]) * (AMBIENT + (1 - AMBIENT) * light[2]) * 255
    assert np.abs(_view(light)[:, 60] - expected).max() <= 0.5


def test_edges_lie_where_perspective_puts_them() -> None:
    image = _view((0.0, 0.0, 1.0))
    sky, table = np.array(SKY) * 255, np.array([0.8, 0.4, 0.2]) * 255
    # A view of 90 degrees from 1 m: 2 m of the floor on 80 px. The table begins in the middle.
    assert np.abs(image[10, 39] - sky).max() <= 1 and np.abs(image[10, 40] - table).max() <= 1
    # The small box's top, 0.49 m below the camera, at (-0.5, 0.25): beyond the left border at this height.
    assert not (image[..., 2] > 240).any()
    wide = _view((0.0, 0.0, 1.0), (80, 160))
    rows, columns = np.nonzero((wide == (0, 0, 255)).all(-1))
    assert columns.mean() + 0.5 == pytest.approx(80 - 0.5 / 0.49 * 40, abs=1)
    assert rows.mean() + 0.5 == pytest.approx(40 - 0.25 / 0.49 * 40, abs=1)
    assert len(np.unique(rows)) == pytest.approx(2 * HALF / 0.49 * 40, abs=1)


def test_a_pixel_is_the_mean_of_its_rays() -> None:
    fine = _view((0.0, 0.0, 1.0), (160, 160)).reshape(80, 2, 80, 2, 3).mean((1, 3))
    assert np.abs(_view((0.0, 0.0, 1.0), oversample=2) - fine).max() <= 1


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_images_are_what_the_profile_says(profile: Profile) -> None:
    robot = SimulatedRobot(profile, lambda rng: BRICK)
    observation = robot.reset(0)
    observation.validate(profile.observation)
    assert observation.image.size == 0 or observation.image.std() > 10


BOX = Part("box", (0.012, 0.03, 0.015))
BRICK = ObjectSpec("brick", (BOX,), 300.0, surface_points([BOX]))


def _at(robot: SimulatedRobot, x: float, y: float, yaw: float, light: tuple[float, float, float]) -> None:
    """Put the hand over the middle of the bin and the brick at a place, under a light."""
    data = robot._data
    data.qpos[:4] = (0, 0, 0.15, 0)
    data.qpos[6:13] = (x, y, 0.015, np.cos(yaw / 2), 0, 0, np.sin(yaw / 2))
    robot._appearance = type(robot._appearance)(
        robot._appearance.floor, robot._appearance.wall, robot._appearance.objects, light
    )
    mujoco.mj_forward(robot._model, data)


@pytest.mark.parametrize("mirror", MIRRORS, ids=["left-right", "up-down"])
def test_a_mirrored_scene_gives_the_mirrored_image(mirror: tuple[int, frozenset[str]]) -> None:
    """What learning takes for granted when it flips images."""
    axis, flipped = mirror
    assert flipped <= {*ACTION_NAMES, *MOVED, *PRIVILEGED_NAMES}
    x, y = ("x" not in flipped) * 2 - 1, ("y" not in flipped) * 2 - 1
    robot = SimulatedRobot(COMPACT, lambda rng: BRICK)
    robot.reset(0)
    _at(robot, 0.04, 0.03, 0.6, (0.36, 0.48, 0.8))
    seen = robot.observe()
    _at(robot, x * 0.04, y * 0.03, -0.6, (x * 0.36, y * 0.48, 0.8))
    mirrored = robot.observe()
    assert np.abs(np.flip(seen.image, axis).astype(int) - mirrored.image).max() <= 1
    assert np.abs(seen.image.astype(int) - mirrored.image).max() > 50
    assert seen.privileged is not None and mirrored.privileged is not None
    signs = np.array([-1 if name in flipped else 1 for name in PRIVILEGED_NAMES])
    assert mirrored.privileged == pytest.approx(seen.privileged * signs, abs=1e-5)
    assert np.array_equal(mirrored.state, seen.state)
