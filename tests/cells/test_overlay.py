"""Edges drawn where a cell says they are lie on those that another renderer drew, and not where it is wrong."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from qtopt_agent.cells.cell_file import cell_names, load_cell
from qtopt_agent.cells.overlay import COLOURS, lay_over, middle_start, upright
from qtopt_agent.cells.pinhole import Lens
from qtopt_agent.core.cell import Bin, Cell, Jaw, Workspace
from qtopt_agent.core.cell_boxes import camera_in_palm
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.simulation.engine import mujoco
from qtopt_agent.simulation.layout import Appearance
from qtopt_agent.simulation.rays import RayCamera
from qtopt_agent.simulation.scene import VIEW, build_model

CELLS = {name: load_cell(name) for name in cell_names()}
CELLS["mine"] = replace(
    CELLS["d405_wrist"],
    bin=Bin((0.5, 0.3), 0.1, (0.4, 0.1, 0.03)),
    jaw=Jaw(aperture=0.14, finger_length=0.11, pad_length=0.03, finger_width=0.03, finger_thickness=0.009),
    workspace=Workspace((0.2, 0.0, 0.04), (0.6, 0.2, 0.35)),
)
ELSEWHERE = (0.03, -0.02, 0.18, 0.4)
LIGHT = (0.3, -0.4, 0.866)


def photograph(cell, pose):
    """What MuJoCo sees of `cell`, its jaw open at x, y, z, yaw, the whole stream."""
    camera = replace(cell.camera, crop=(), distortion=())
    model = build_model([], Appearance((0.95, 0.9, 0.85), (0.55, 0.6, 0.7), (), LIGHT), cell)
    data = mujoco.MjData(model)
    data.qpos[:] = [*np.subtract(pose, (*cell.bin.position, 0)), cell.jaw.aperture / 2, cell.jaw.aperture / 2]
    mujoco.mj_forward(model, data)
    size, palm = (camera.height, camera.width), not camera_in_palm(cell)
    return RayCamera(VIEW, size, 1, view=camera, palm=palm).render(model, data, LIGHT)


def shifted(cell, by):
    return replace(cell, camera=replace(cell.camera, position=tuple(np.add(cell.camera.position, by).tolist())))


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_the_jaws_edges_are_where_another_renderer_sees_them_and_a_centimetre_shows(cell):
    pose = middle_start(cell) if cell.camera.mount == "hand" else ELSEWHERE
    picture = photograph(cell, pose)
    right = lay_over(cell, picture, upright(*pose)).jaw_distance
    assert right < 0.5
    for axis in range(3):
        for way in (-0.01, 0.01):
            by = np.zeros(3)
            by[axis] = way
            assert lay_over(shifted(cell, by), picture, upright(*pose)).jaw_distance > right + 1, by


def test_a_lens_bends_the_edges():
    camera = replace(load_cell("d405_wrist").camera, distortion=(0.15, -0.1, 0.002, -0.001, 0.0))
    cell = replace(load_cell("d405_wrist"), camera=camera)
    pose = middle_start(cell)
    lens, straight = Lens(camera), photograph(cell, pose)
    grid = np.indices(straight.shape[:2], dtype=float)[::-1].reshape(2, -1).T
    source = cv2.undistortPoints(grid[:, None], lens.matrix, lens.distortion, P=lens.matrix).reshape(
        *straight.shape[:2], 2
    )
    bent = cv2.remap(straight, source.astype(np.float32), None, cv2.INTER_LINEAR)
    assert lay_over(cell, bent, upright(*pose)).jaw_distance < 0.6
    assert lay_over(load_cell("d405_wrist"), bent, upright(*pose)).jaw_distance > 3


def test_the_bin_is_drawn_where_it_is():
    cell = replace(Cell(), bin=Bin(position=(0.02, 0.0, 0.002)))
    dark = np.zeros((480, 480, 3), np.uint8)
    dark[300:, 300:] = 90
    drawn = lay_over(cell, dark, upright(0.0, 0.0, 0.2, 0.0)).picture
    focal, height = 240 / np.tan(np.radians(37.5)), 0.2 + 0.105
    for name, level, out in (("floor", 0.002, 0.16), ("rim", 0.052, 0.16), ("rim", 0.052, 0.17)):
        column = round(240 + focal * (0.02 + out) / (height - level) - 0.5)
        seen = drawn[140, column - 1 : column + 2].astype(int)
        assert np.abs(seen - COLOURS[name]).sum(axis=1).min() < 220, (name, column)


def test_what_a_wall_or_the_jaw_hides_is_not_drawn():
    cell, camera = load_cell("shoulder"), load_cell("shoulder").camera
    grey = photograph(cell, ELSEWHERE) // 4

    def is_drawn(point, tips):
        seen = camera.rotation.T @ (np.array(point) - camera.position)
        column, row = Lens(camera).project(seen[None])[0].round().astype(int)
        drawn = lay_over(cell, grey, tips).picture
        return (drawn[row - 1 : row + 2, column] != grey[row - 1 : row + 2, column]).any()

    aside, before = upright(0.5, 0.0, 0.2, 0.0), upright(0.02, -0.1, 0.1, 0.0)  # a palm in front of the far edge
    assert is_drawn((0.02, 0.16, 0.0), aside) and not is_drawn((0.02, 0.16, 0.0), before)
    assert not is_drawn((0.02, -0.16, 0.0), aside)  # behind the near wall


def test_a_jaw_that_is_not_in_the_picture_has_no_distance():
    cell = load_cell("shoulder")
    overlay = lay_over(cell, photograph(cell, ELSEWHERE), upright(2.0, 0.0, 0.2, 0.0))
    assert overlay.jaw_distance is None


def test_a_photograph_without_an_edge_is_refused():
    with pytest.raises(InvalidInput, match="no edge in it"):
        lay_over(Cell(), np.full((480, 480, 3), 77, np.uint8), upright(0.0, 0.0, 0.2, 0.0))
