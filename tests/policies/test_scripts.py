"""What makes the first data: where the scripts go, when they close, and what they see."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from qtopt_agent.cells.cell_file import load_cell
from qtopt_agent.core.action import Action, GripperCommand
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.observation import Observation
from qtopt_agent.core.policy import SCRIPTS
from qtopt_agent.core.profile import COMPACT, DETAILED, PAPER
from qtopt_agent.policies.bin_view import BinView
from qtopt_agent.policies.scripts import make_script

GREY = np.full((64, 64, 3), 120, np.uint8)


class Hand:
    """A hand over a bin with nothing in it but, perhaps, something between the fingers at `holds`, m wide."""

    def __init__(self, script, seed=0, holds=0.0, floor=0.0, picture=lambda hand: GREY):
        self.script, self.rng, self.holds, self.floor, self.picture = (
            script,
            np.random.default_rng(seed),
            holds,
            floor,
            picture,
        )
        self.position, self.yaw = np.array([0.0, 0.0, 0.2]), 0.0
        self.closed, self.moved, self.steps = False, np.zeros(4), 0
        self.path, self.actions = [self.position.copy()], []

    def step(self):
        aperture = self.holds if self.closed else 0.085
        state = [aperture, self.position[2], self.closed, self.steps / 20, *self.moved]
        decision = self.script.decide(
            Observation(self.picture(self), np.array(state, np.float32), self.steps), self.rng
        )
        action = Action.from_vector(decision.action)
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        x, y, z = action.translation
        before = self.position.copy()
        self.position += [c * x - s * y, s * x + c * y, z]
        self.position[2] = max(self.position[2], self.floor)
        self.moved = np.array([x, y, self.position[2] - before[2], action.yaw])
        self.yaw += action.yaw
        self.closed = {GripperCommand.KEEP: self.closed}.get(action.gripper, action.gripper == GripperCommand.CLOSE)
        self.steps += 1
        self.path.append(self.position.copy())
        self.actions.append(action)
        return action

    def run(self, steps=20):
        for _ in range(steps):
            if self.step().terminate:
                break
        return self


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_attempt_without_a_find_closes_on_the_floor_or_looks_for_something_and_never_ends_itself(name):
    for seed in range(5):
        hand = Hand(make_script(name, DETAILED), seed).run()
        assert hand.steps == 20
        assert min(place[2] for place in hand.path) >= DETAILED.cell.workspace.low[2]


def test_the_random_script_stays_where_the_hand_may_be_from_any_start_and_wherever_it_closed_before():
    cell = DETAILED.cell
    room = cell.workspace.high[0] - cell.attempt.start_spread
    closes = []
    for seed in range(60):
        hand = Hand(make_script("random-script", DETAILED), seed).run()
        assert np.abs(np.array(hand.path)[:, :2]).max() <= room
        closes += [p[:2] for p, a in zip(hand.path, hand.actions, strict=False) if a.gripper == GripperCommand.CLOSE]
    assert len(closes) > 100
    assert np.std(closes, axis=0).min() > 0.03  # all over the bin


def test_a_script_lifts_what_it_holds_above_the_height_that_counts_and_ends():
    hand = Hand(make_script("random-script", DETAILED), 3, holds=0.03).run()
    assert hand.actions[-1].terminate
    assert hand.position[2] > DETAILED.cell.attempt.lift_height + 0.02
    assert sum(action.gripper == GripperCommand.CLOSE for action in hand.actions) == 1
    assert not any(action.gripper == GripperCommand.OPEN for action in hand.actions)


def test_a_script_closes_on_what_holds_the_hand_up():
    hand = Hand(make_script("random-script", DETAILED), 1, holds=0.03, floor=0.05).run()
    assert hand.actions[-1].terminate
    place = next(p for p, a in zip(hand.path, hand.actions, strict=False) if a.gripper == GripperCommand.CLOSE)
    assert place[2] == pytest.approx(0.05)


def test_a_jaw_that_is_shut_at_the_start_is_opened_first():
    hand = Hand(make_script("random-script", DETAILED), holds=0.03)
    hand.closed = True
    assert hand.step().gripper == GripperCommand.OPEN


def test_the_same_seed_gives_the_same_attempt_whatever_was_before():
    script = make_script("random-script", DETAILED)
    Hand(script, 5).run(7)
    again, fresh = Hand(script, 9).run(), Hand(make_script("random-script", DETAILED), 9).run()
    np.testing.assert_array_equal(again.path, fresh.path)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_profile_that_does_not_tell_what_a_motion_did_is_refused(name):
    with pytest.raises(InvalidInput, match=r"moved_x_m.*compact.*detailed"):
        make_script(name, COMPACT)


def test_a_camera_beside_the_bin_is_refused_by_the_script_that_looks_and_not_by_the_blind_one():
    beside = replace(DETAILED, cell=PAPER.cell)
    make_script("random-script", beside)
    with pytest.raises(InvalidInput, match="fixed"):
        make_script("blobs", beside)
    with pytest.raises(InvalidInput, match="random-script, blobs"):
        make_script("none", DETAILED)


def shown(cell, at, angle, height):
    """A picture with a red bar of 6 x 2 cm at `at` in the hand's frame, seen from `height` above the floor."""
    camera = cell.camera
    picture = np.full((camera.height, camera.width, 3), 120, np.uint8)
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    corners = [at + a * along + b * across for a, b in ((0.03, 0.01), (0.03, -0.01), (-0.03, -0.01), (-0.03, 0.01))]
    points = np.array([[*corner, 0.015 - height] for corner in corners]) - camera.position
    pixels, _ = cv2.projectPoints(points @ camera.rotation, np.zeros(3), np.zeros(3), camera.matrix, None)
    cv2.fillConvexPoly(picture, np.rint(pixels).astype(np.int32), (200, 30, 30))
    left, top, width, height = camera.window((64, 64))
    return cv2.resize(picture[top : top + height, left : left + width], (64, 64), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize("name", ["embedded", "d435_wrist"])
def test_a_blob_is_where_the_cells_camera_sees_it_and_turned_as_it_is(name):
    cell = load_cell(name)
    view = BinView(cell, (64, 64))
    for at in ([0.02, 0.05], [-0.03, 0.04]):
        for angle in (0.3, 1.2, -0.6):
            picture = shown(cell, np.array(at), angle, 0.18)
            (blob,) = view.blobs(picture, 0.18, view.colours(picture))
            np.testing.assert_allclose((blob.x, blob.y), at, atol=0.009)  # a pixel is 7 mm
            assert abs((blob.angle - angle + np.pi / 2) % np.pi - np.pi / 2) < 0.2
            assert 0.045 < blob.length < 0.08 and 0.01 < blob.width < 0.035 and blob.whole


@pytest.mark.parametrize("name", ["embedded", "d435_wrist"])
def test_the_script_that_looks_closes_across_the_narrow_side_of_what_it_saw(name):
    cell = load_cell(name)
    target, angle = np.array([0.05, 0.06]), 0.9

    def picture(hand):
        c, s = np.cos(hand.yaw), np.sin(hand.yaw)
        x, y = target - hand.position[:2]
        return shown(cell, np.array([c * x + s * y, c * y - s * x]), angle - hand.yaw, hand.position[2])

    hand = Hand(make_script("blobs", replace(DETAILED, cell=cell)), holds=0.02, picture=picture).run()
    closing = next(i for i, action in enumerate(hand.actions) if action.gripper == GripperCommand.CLOSE)
    np.testing.assert_allclose(hand.path[closing + 1][:2], target, atol=0.012)
    assert abs((hand.yaw - angle) % np.pi - np.pi / 2) < 0.2  # the jaw closes along x
    assert hand.actions[-1].terminate


def test_an_even_picture_has_no_blob():
    view = BinView(DETAILED.cell, (64, 64))
    assert view.blobs(GREY, 0.2, view.colours(GREY)) == []
