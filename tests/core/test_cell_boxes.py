"""The boxes of a cell: the embedded cell's are those that its simulator was built of, and others follow their cell."""

from dataclasses import replace

import pytest

from qtopt_agent.core import cell_boxes
from qtopt_agent.core.cell import Bin, Cell, Jaw
from qtopt_agent.core.cell_boxes import Box


def same(box, other):
    return box.centre == other.centre and box.half == other.half


def test_the_embedded_cell_has_exactly_the_boxes_that_compact_1_learned_with():
    assert same(cell_boxes.floor(Cell()), Box((0.0, 0.0, -0.05), (0.6, 0.6, 0.05)))
    assert same(cell_boxes.palm(Cell()), Box((0.0, 0.0, 0.105), (0.055, 0.025, 0.018)))
    walls = (
        Box((0.165, 0.0, 0.025), (0.005, 0.17, 0.025)),
        Box((-0.165, 0.0, 0.025), (0.005, 0.17, 0.025)),
        Box((0.0, 0.165, 0.025), (0.16, 0.005, 0.025)),
        Box((0.0, -0.165, 0.025), (0.16, 0.005, 0.025)),
    )
    finger = Box((0.0, 0.0, 0.0225), (0.006, 0.010, 0.0225)), Box((0.004, 0.0, 0.065), (0.006, 0.008, 0.022))
    for boxes, others in [(cell_boxes.walls(Cell()), walls), (cell_boxes.finger(Cell()), finger)]:
        assert all(map(same, boxes, others)) and len(boxes) == len(others)


def test_walls_stand_around_the_inside_of_the_bin():
    cell = Cell(bin=Bin(size=(0.5, 0.3), wall_height=0.12))
    right, left, back, front = cell_boxes.walls(cell)
    assert right.centre[0] - right.half[0] == pytest.approx(0.25) and left == right.mirrored()
    assert back.centre[1] - back.half[1] == pytest.approx(0.15) == -front.centre[1] - front.half[1]
    assert back.half[0] == pytest.approx(0.25) and right.half[1] == pytest.approx(0.16)  # corners are closed
    assert all(wall.centre[2] + wall.half[2] == pytest.approx(0.12) for wall in (right, back))
    assert cell_boxes.floor(cell).half[:2] == pytest.approx((0.69, 0.59))


def test_a_bin_without_walls_is_a_floor():
    assert cell_boxes.walls(Cell(bin=Bin(wall_height=0.0))) == ()


def test_a_finger_reaches_from_its_tip_to_the_palm():
    cell = replace(Cell(), jaw=Jaw(finger_length=0.1, pad_length=0.03, finger_width=0.03, finger_thickness=0.009))
    pad, link = cell_boxes.finger(cell)
    assert pad.centre[2] - pad.half[2] == 0.0 and pad.half == (0.0045, 0.015, 0.015)
    assert link.centre[2] - link.half[2] == pytest.approx(0.028) and link.centre[2] + link.half[2] == pytest.approx(0.1)
    assert cell_boxes.palm(cell).centre[2] - cell_boxes.palm(cell).half[2] == pytest.approx(0.1)
