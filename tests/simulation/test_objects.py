"""The object generator and its splits."""

import mujoco
import numpy as np
import pytest

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.simulation.layout import Appearance
from qtopt_agent.simulation.objects import FAMILIES, WIDTHS, sample_object
from qtopt_agent.simulation.scene import build_model


def test_splits_share_no_shape_family() -> None:
    names = [name for families in FAMILIES.values() for name in families]
    assert len(names) == len(set(names))


def test_held_out_objects_are_thinner_and_thicker_than_any_in_training() -> None:
    low, high = WIDTHS["held-out"]
    for split in ("train", "validation"):
        assert low < WIDTHS[split][0] and high > WIDTHS[split][1]


@pytest.mark.parametrize("split", FAMILIES)
def test_every_object_fits_the_bin_and_weighs_what_a_gripper_lifts(split: str) -> None:
    rng = np.random.default_rng(0)
    specs = [sample_object(split, rng) for _ in range(150)]
    assert {spec.name for spec in specs} == set(FAMILIES[split])
    for spec in specs:
        assert np.ptp(spec.outline, axis=0).max() < 0.2
        model = build_model([spec], Appearance.sample(1, rng))
        assert 0.001 < model.body_mass[model.body("object0").id] < 0.3


@pytest.mark.parametrize("split", FAMILIES)
def test_outlines_span_the_simulated_shape(split: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(40):
        spec = sample_object(split, rng)
        corners = _corners(build_model([spec], Appearance.sample(1, rng)))
        assert (spec.outline.max(0) <= corners.max(0) + 1e-5).all()
        assert (spec.outline.min(0) >= corners.min(0) - 1e-5).all()
        # The round ends of a capsule are cut a little short.
        assert (np.ptp(spec.outline, axis=0) >= 0.75 * np.ptp(corners, axis=0)).all()


def _corners(model: mujoco.MjModel) -> np.ndarray:
    """Corners [N, 3] of the object as MuJoCo has it: a mesh's own, and those of the box around anything else."""
    corners = []
    for geom in np.flatnonzero(model.geom_bodyid == model.body("object0").id):
        if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_MESH:
            mesh = model.mesh(model.geom_dataid[geom])
            local = model.mesh_vert[mesh.vertadr[0] :][: mesh.vertnum[0]]
        else:
            centre, half = model.geom_aabb[geom, :3], model.geom_aabb[geom, 3:]
            local = centre + half * np.array(np.meshgrid(*[(-1, 1)] * 3)).T.reshape(-1, 3)
        turn = np.zeros(9)
        mujoco.mju_quat2Mat(turn, model.geom_quat[geom])
        corners.append(local @ turn.reshape(3, 3).T + model.geom_pos[geom])
    return np.concatenate(corners)


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(InvalidInput, match="unknown object split 'test', expected one of train, validation, held-out"):
        sample_object("test", np.random.default_rng(0))
