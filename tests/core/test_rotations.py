"""Quaternions and matrices of rotations are two ways to say the same."""

import numpy as np
import pytest

from qtopt_agent.core.rotations import matrix_of, quaternion_of

HALF_TURNS = [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0.6, 0.8, 0, 0), (-0.6, 0.8, 0, 1e-9)]
SOME = [(0, 0, 0, 1), *HALF_TURNS, *np.random.default_rng(0).normal(size=(50, 4))]


@pytest.mark.parametrize("quaternion", SOME)
def test_there_and_back(quaternion):
    matrix = matrix_of(quaternion)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1)
    found = quaternion_of(matrix)
    assert found[3] >= 0 and np.linalg.norm(found) == pytest.approx(1)
    assert abs(found @ quaternion) == pytest.approx(np.linalg.norm(quaternion))


def test_a_quarter_turn_about_z_takes_x_to_y():
    np.testing.assert_allclose(matrix_of((0, 0, np.sqrt(0.5), np.sqrt(0.5))) @ [1, 0, 0], [0, 1, 0], atol=1e-12)
