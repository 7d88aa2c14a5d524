"""The object generator and its splits."""

import mujoco
import numpy as np
import pytest
from pytest import approx

from qtopt_agent.core.cell import EMBEDDED, Bin, Cell, Jaw
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.core.profile import LOWDIM
from qtopt_agent.simulation.layout import Appearance
from qtopt_agent.simulation.objects import FAMILIES, ObjectSpec, sample_object
from qtopt_agent.simulation.parts import rotation, surface_points, turned
from qtopt_agent.simulation.robot import SimulatedRobot
from qtopt_agent.simulation.scene import build_model

HOUSEHOLD = sorted(set(FAMILIES["household"]) - set(FAMILIES["train"]))
NEW = [("household", name) for name in HOUSEHOLD] + [
    (split, name) for split in ("household-validation", "test", "flat-boxes") for name in FAMILIES[split]
]


def _sample(split: str, name: str, rng: np.random.Generator) -> ObjectSpec:
    return next(spec for spec in iter(lambda: sample_object(split, rng), None) if spec.name == name)


def test_splits_share_no_shape_family_but_household_has_those_of_train() -> None:
    assert FAMILIES["household"].items() > FAMILIES["train"].items()
    names = [name for split, families in FAMILIES.items() if split != "train" for name in families]
    assert len(names) == len(set(names))


def test_held_out_objects_are_thinner_and_thicker_than_those_that_compact_1_was_trained_on() -> None:
    held_out = [family.widths for family in FAMILIES["held-out"].values()]
    for split in ("train", "validation"):
        for low, high in (family.widths for family in FAMILIES[split].values()):
            assert all(least < low and most > high for least, most in held_out)


def test_the_first_splits_are_as_compact_1_knows_them() -> None:
    expected = {
        "train": ("cluster", 382.970279255287, 1.5909273644389657),
        "validation": ("fork", 210.07874832070414, 4.1525664939195766),
        "held-out": ("cross", 409.4960431641921, 2.0149342800627816),
    }
    for split, (name, density, size) in expected.items():
        rng = np.random.default_rng(7)
        spec = [sample_object(split, rng) for _ in range(20)][-1]
        assert (spec.name, spec.density, np.abs(spec.outline).sum()) == (name, approx(density), approx(size))


@pytest.mark.parametrize(("split", "name"), NEW)
def test_things_come_to_rest_in_the_bin(split: str, name: str) -> None:
    robot = SimulatedRobot(LOWDIM, lambda rng: _sample(split, name, rng))
    for seed in range(4):
        robot.reset(seed)
        assert np.linalg.norm(robot._data.qvel[6:9]) < 0.02 and np.linalg.norm(robot._data.qvel[9:12]) < 1
        middle = robot.outline(0).mean(0)
        robot.follow(np.array([0, 0, 0.2]), 0, closed=False, duration=1)
        assert np.linalg.norm(robot.outline(0).mean(0) - middle) < 0.03
        assert np.abs(robot.outline(0)[:, :2]).max() < 0.16


@pytest.mark.parametrize(("split", "name"), [("household", "cup"), ("household", "bowl"), ("test", "ring")])
def test_vessels_are_hollow(split: str, name: str) -> None:
    rng = np.random.default_rng(2)
    for _ in range(5):
        spec = _sample(split, name, rng)
        model = build_model([spec], Appearance.sample(1, rng))
        data = mujoco.MjData(model)
        data.qpos[:3], data.qpos[6:9] = (0, 0, 0.6), (0, 0, 0.2)
        mujoco.mj_forward(model, data)
        height = np.ptp(spec.outline[:, 2])
        down, up = (
            mujoco.mj_ray(model, data, [0, 0, 0.2 + side * height], [0, 0, -side], None, 1, -1, np.zeros(1, np.int32))
            for side in (0.99, -0.99)
        )
        # From one of the two sides one looks past half its height, into it.
        assert max(down, up) > height


def test_a_larger_jaw_gets_larger_things_that_it_can_still_close_on() -> None:
    jaw = Jaw(aperture=0.14, palm=(0.17, 0.05, 0.036))
    cell = Cell(jaw=jaw, bin=Bin(size=(0.5, 0.5)))
    for split in FAMILIES:
        rng = np.random.default_rng(3)
        usual, large = ([sample_object(split, rng, c) for _ in range(60)] for c in (EMBEDDED, cell))
        widths = [max(_narrowest(spec) for spec in specs) for specs in (usual, large)]
        assert widths[0] < 0.085 and widths[0] < widths[1] < 0.14
        assert max(np.ptp(spec.outline[:, 2]) for spec in large) < cell.attempt.start_height[0]


def test_a_smaller_jaw_gets_nothing_that_is_wider_than_it() -> None:
    cell = Cell(jaw=Jaw(aperture=0.05))
    for split in FAMILIES:
        rng = np.random.default_rng(3)
        assert max(_narrowest(sample_object(split, rng, cell)) for _ in range(60)) < 0.05


def _narrowest(spec: ObjectSpec) -> float:
    """The least horizontal extent over all directions, m."""
    angle = np.arange(36) * np.pi / 36
    return float(np.ptp(spec.outline[:, :2] @ np.array([np.cos(angle), np.sin(angle)]), axis=0).min())


def test_turned_parts_are_the_same_object_seen_from_another_side() -> None:
    rng = np.random.default_rng(4)
    for split, name in (("household", "mug"), ("household", "bottle"), ("train", "zigzag")):
        parts, euler = list(_sample(split, name, rng).parts), tuple(rng.uniform(-1.5, 1.5, 3))
        expected = surface_points(parts) @ rotation(euler).T
        np.testing.assert_allclose(surface_points(turned(parts, euler)), expected, atol=1e-9)


@pytest.mark.parametrize("split", FAMILIES)
def test_every_object_fits_the_bin_and_weighs_what_a_gripper_lifts(split: str) -> None:
    rng = np.random.default_rng(0)
    specs = [sample_object(split, rng) for _ in range(150)]
    assert {spec.name for spec in specs} == set(FAMILIES[split])
    for spec in specs:
        assert np.ptp(spec.outline, axis=0).max() < 0.2
        model = build_model([spec], Appearance.sample(1, rng))
        assert 0.0005 < model.body_mass[model.body("object0").id] < 0.3


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
    with pytest.raises(
        InvalidInput, match="unknown object split 'unseen', expected one of train, validation, held-out, household"
    ):
        sample_object("unseen", np.random.default_rng(0))
