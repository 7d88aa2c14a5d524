"""Pictures of boards whose place is known, as a cell's camera takes them, and the poses of a hand that go with them."""

from functools import lru_cache

import cv2
import numpy as np

from qtopt_agent.cells.board import Board
from qtopt_agent.cells.pinhole import Lens, inverse, mounted, moved, pose
from qtopt_agent.core.rotations import quaternion_of

BOARD = Board((7, 5), 0.03, 0.022, "DICT_4X4_50")
MIDDLE = np.array([0.105, 0.075, 0.0])
DISTANCE = {"hand": 0.28, "fixed": 0.55}  # m, of the board
OVER = 2  # rays a pixel along each axis


def turn(*degrees):
    return pose(np.radians(degrees, dtype=float), np.zeros(3))


# Where the board lies: on the floor, or in the hand; as hand-eye finds it, none of it is told to the calibration.
PLACE = {
    "hand": pose(np.radians([178.0, 3.0, 20.0]), np.array([0.05, 0.04, 0.01])),
    "fixed": pose(np.radians([5.0, -12.0, 30.0]), np.array([-0.06, -0.05, -0.09])),
}


def boards_seen(camera, count, rng, lean=30.0, roll=40.0):
    """Poses of the board in the optical frame, all of it in the picture."""
    lens, corners = Lens(camera), BOARD.printed.getRightBottomCorner()
    outline = np.array([(0, 0, 0), (corners[0], 0, 0), (corners[0], corners[1], 0), (0, corners[1], 0)], float)
    found = []
    while len(found) < count:
        board = turn(0, 0, rng.uniform(-roll, roll)) @ turn(*rng.uniform(-lean, lean, 2), 0)
        away = rng.uniform(0.9, 1.3) * DISTANCE[camera.mount]
        aside = rng.uniform(-0.15, 0.15, 2) * away
        board[:3, 3] = np.array([*aside, away]) - board[:3, :3] @ MIDDLE
        pixels = lens.project(moved(outline, board))
        if ((pixels > 4) & (pixels < [camera.width - 5, camera.height - 5])).all():
            found.append(board)
    return found


def tips_of(camera, board):
    """The tip frame in the base frame at which `camera` sees the board at `board`."""
    if camera.mount == "hand":
        return PLACE["hand"] @ inverse(board) @ inverse(mounted(camera))
    return mounted(camera) @ board @ inverse(PLACE["fixed"])


def board_at(camera, tips):
    """The board in the optical frame when the tip frame is at `tips`."""
    if camera.mount == "hand":
        return inverse(tips @ mounted(camera)) @ PLACE["hand"]
    return inverse(mounted(camera)) @ tips @ PLACE["fixed"]


@lru_cache(maxsize=1)
def rays_of(camera):
    """Of each pixel, OVER along each axis: where they meet the plane 1 m before the camera [N, 3]."""
    lens = Lens(camera)
    grid = (np.indices((camera.height * OVER, camera.width * OVER))[::-1].reshape(2, -1).T + 0.5) / OVER - 0.5
    rays = cv2.undistortPoints(grid[:, None], lens.matrix, lens.distortion)[:, 0]
    return np.column_stack([rays, np.ones(len(rays))])


def photograph(camera, board, made=BOARD):
    """uint8 [H, W, 3] of the board `made` on a grey ground, through the lens of `camera`, antialiased."""
    scale = 4000  # px a m of the print
    width, height = (np.array(made.printed.getRightBottomCorner()[:2]) * scale).round().astype(int).tolist()
    printed = cv2.copyMakeBorder(made.printed.generateImage((width, height)), 40, 40, 40, 40, 0, value=255)
    # A ray hits the board's plane where the homography from board to normalised picture is undone.
    homography = np.linalg.inv(board[:3, [0, 1, 3]])
    hits = rays_of(camera) @ homography.T
    at = (hits[:, :2] / hits[:, 2:] * scale - 0.5 + 40).astype(np.float32)
    shape = (camera.height * OVER, camera.width * OVER)
    seen = cv2.remap(
        printed, at[:, 0].reshape(shape), at[:, 1].reshape(shape), cv2.INTER_LINEAR, None, cv2.BORDER_CONSTANT, 120
    )
    small = cv2.resize(seen, (camera.width, camera.height), interpolation=cv2.INTER_AREA)
    return np.repeat(small[..., None], 3, axis=2)


def save(picture, file):
    cv2.imwrite(str(file), picture[..., ::-1])


def poses_yaml(tips):
    """The text of poses.yaml for tip poses by name."""
    lines = ["board: {squares: [7, 5], square: 0.03, marker: 0.022, dictionary: DICT_4X4_50}", "poses:"]
    for name, each in tips.items():
        position, orientation = each[:3, 3].tolist(), quaternion_of(each[:3, :3]).tolist()
        lines.append(f"  {name}: {{position: {position}, orientation: {orientation}}}")
    return "\n".join(lines) + "\n"
