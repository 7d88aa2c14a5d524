"""A camera's pose from pictures of a board: as exact as promised, as sure as it says, otherwise refused in words."""

from dataclasses import replace

import numpy as np
import pytest

from qtopt_agent.cells.board_pictures import make_view, read_views
from qtopt_agent.cells.calibration import calibrate
from qtopt_agent.cells.cell_file import load_cell
from qtopt_agent.cells.hand_eye import Sight, first_fit, improved
from qtopt_agent.cells.pinhole import Lens, mounted, moved, pose
from qtopt_agent.core.errors import InvalidInput

from .rendered import BOARD, board_at, boards_seen, photograph, poses_yaml, save, tips_of, turn

CORNERS = np.asarray(BOARD.printed.getChessboardCorners(), float)
NOISE = 0.3  # px


def camera_of(name, distortion=()):
    return replace(load_cell(name).camera, distortion=distortion)


CAMERAS = {
    "hand": camera_of("d435_wrist"),
    "fixed": camera_of("shoulder"),
    "hand, through a lens": camera_of("d435_wrist", (0.12, -0.25, 0.001, -0.002, 0.08)),
}
each_camera = pytest.mark.parametrize("camera", CAMERAS.values(), ids=CAMERAS)


def amiss(camera):
    """`camera` as a cell's file may have it before: some centimetres and degrees off."""
    return replace(camera, position=tuple(np.add(camera.position, (0.03, -0.02, 0.01))), orientation=(0.9, 0.1, 0, 0.3))


def distance(camera, other):
    """Between two poses: mm and degrees."""
    one, two = mounted(camera), mounted(other)
    cosine = (np.trace(one[:3, :3].T @ two[:3, :3]) - 1) / 2
    return 1000 * np.linalg.norm(one[:3, 3] - two[:3, 3]), np.degrees(np.arccos(min(1.0, cosine)))


def views_of(camera, boards, rng, tips=None, noise=NOISE):
    lens = Lens(camera)
    tips = tips or [tips_of(camera, board) for board in boards]
    return [
        make_view(
            f"{i:02}.png", lens, at, CORNERS, lens.project(moved(CORNERS, board)) + rng.normal(size=(24, 2)) * noise
        )
        for i, (board, at) in enumerate(zip(boards, tips, strict=True))
    ]


def erring(camera, boards, rng, arm):
    """Tip poses by an arm that errs by `arm` mm and tenths of a degree along and about each axis."""
    errors = [pose(np.radians(rng.normal(size=3) * arm / 10), rng.normal(size=3) * arm / 1000) for _ in boards]
    return [tips_of(camera, board) @ error for board, error in zip(boards, errors, strict=True)]


@pytest.fixture(scope="module", params=CAMERAS)
def folder(request, tmp_path_factory):
    """Ten rendered pictures with their poses, and the camera that took them."""
    camera, folder = CAMERAS[request.param], tmp_path_factory.mktemp("pictures")
    boards = boards_seen(camera, 10, np.random.default_rng(1))
    for i, board in enumerate(boards):
        save(photograph(camera, board), folder / f"{i:02}.png")
    (folder / "poses.yaml").write_text(poses_yaml({f"{i:02}.png": tips_of(camera, b) for i, b in enumerate(boards)}))
    return folder, camera


def test_rendered_boards_give_the_camera_to_a_millimetre_and_a_fifth_of_a_degree(folder):
    folder, camera = folder
    views, left_out = read_views(folder, amiss(camera))
    assert len(views) == 10 and not left_out
    lens, rng = Lens(camera), np.random.default_rng(2)
    for noise in (0.0, NOISE, NOISE, NOISE):
        noisy = [
            make_view(
                view.name, lens, view.tips, view.corners, view.pixels + rng.normal(size=view.pixels.shape) * noise
            )
            for view in views
        ]
        found = calibrate(amiss(camera), noisy)
        millimetres, degrees = distance(found.camera, camera)
        assert millimetres < 1 and degrees < 0.2
        assert found.residual == pytest.approx(np.hypot(0.08, np.sqrt(2) * noise), abs=0.05)
        assert (1000 * found.moved, np.degrees(found.turned)) == pytest.approx(
            distance(amiss(camera), found.camera), abs=0.01
        )
        assert replace(found.camera, position=camera.position, orientation=camera.orientation) == camera


@each_camera
@pytest.mark.parametrize("seed", range(4))
def test_any_poses_that_turn_about_two_axes_will_do(camera, seed):
    rng = np.random.default_rng(seed)
    boards = boards_seen(camera, 10, rng, lean=(20, 40)[seed % 2], roll=(40, 180)[seed // 2])
    found = calibrate(amiss(camera), views_of(camera, boards, rng))
    millimetres, degrees = distance(found.camera, camera)
    assert millimetres < 1 and degrees < 0.2


@pytest.mark.parametrize("camera", list(CAMERAS.values())[:2], ids=list(CAMERAS)[:2])
@pytest.mark.parametrize("arm", [0.0, 0.6])
def test_it_is_as_sure_as_it_says(camera, arm):
    surprise, arms = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        boards = boards_seen(camera, 10, rng)
        views = views_of(camera, boards, rng, erring(camera, boards, rng, arm))
        found = calibrate(camera, views, max_residual=9)
        surprise.append((found.moved / found.position_deviation, found.turned / found.angle_deviation))
        arms.append(1000 * found.arm_position_error)
    assert (np.sqrt(np.mean(np.square(surprise), axis=0)) < 1.3).all()
    assert (np.sqrt(np.mean(np.square(surprise), axis=0)) > 0.4).all()
    assert np.mean(arms) == pytest.approx(arm, abs=0.15)


def test_an_arm_that_errs_costs_less_than_in_plain_least_squares():
    camera, plain, weighed = CAMERAS["hand"], [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        boards = boards_seen(camera, 10, rng)
        views = views_of(camera, boards, rng, erring(camera, boards, rng, 0.5))
        sights = [Sight(Lens(camera), True, v.tips, v.board, v.corners, v.pixels, np.eye(48)) for v in views]
        fit = improved(first_fit(sights), sights)
        plain.append(1000 * np.linalg.norm(fit.camera[:3, 3] - camera.position))
        weighed.append(1000 * calibrate(camera, views, max_residual=9).moved)
    assert np.mean(weighed) < 0.7 * np.mean(plain)


@each_camera
def test_too_few_pictures_are_refused_with_the_reasons_of_those_left_out(camera):
    rng = np.random.default_rng(0)
    views = views_of(camera, boards_seen(camera, 5, rng), rng)
    with pytest.raises(InvalidInput, match=r"5 pictures are usable, expected at least 6; 09.png: too dark"):
        calibrate(camera, views, {"09.png": "too dark"})


@each_camera
@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ((0, 0, 60), r"turn by up to 1?\d\d\.\d degrees, and the axis of these turns leans by up to 0.0"),
        ((8, 0, 0), r"turn by up to \d+\.\d degrees, and the axis of these turns leans by up to 0.0"),
        ((4, 4, 4), r"turn by up to \d\.\d degrees"),
        ((4, 4, 80), r"turn by up to 1\d\d\.\d degrees, and the axis of these turns leans by up to \d\.\d"),
        ((0, 0, 0), r"turn by up to 0.0 degrees"),
    ],
)
def test_poses_that_turn_about_less_than_two_axes_are_refused(camera, axes, said):
    rng = np.random.default_rng(0)
    first = tips_of(camera, boards_seen(camera, 1, rng, lean=5)[0])
    poses = []
    for _ in range(9):  # the hand turns where it is: about fixed axes first, so that z alone stays z alone
        x, y, z = rng.uniform(-1, 1, 3) * axes
        tips = first @ turn(0, 0, z) @ turn(x, y, 0)
        poses.append(tips)
    views = views_of(camera, [board_at(camera, tips) for tips in poses], rng, poses)
    with pytest.raises(InvalidInput, match=f"too alike: they {said}.*expected at least 15 degrees each"):
        calibrate(camera, views)


@each_camera
def test_poses_of_other_pictures_are_refused_and_the_worst_is_named(camera):
    rng = np.random.default_rng(3)
    boards = boards_seen(camera, 10, rng)
    tips = [tips_of(camera, board) for board in boards]
    tips[4] = tips[4] @ pose(np.radians([0, 4.0, 0]), np.array([0.0, 0.02, 0.0]))
    with pytest.raises(InvalidInput, match=r"residual is \d+\.\d px, expected at most 2; it is largest in 04.png"):
        calibrate(camera, views_of(camera, boards, rng, tips))
    tips = [*tips[1:], tips[0]]
    with pytest.raises(InvalidInput, match="residual is"):
        calibrate(camera, views_of(camera, boards, rng, tips))


@each_camera
def test_a_board_of_another_size_than_said_is_refused(camera):
    rng = np.random.default_rng(4)
    views = views_of(camera, boards_seen(camera, 10, rng), rng)
    lens = Lens(camera)
    larger = [make_view(v.name, lens, v.tips, 1.1 * v.corners, v.pixels) for v in views]
    with pytest.raises(InvalidInput, match="residual is"):
        calibrate(camera, larger)
