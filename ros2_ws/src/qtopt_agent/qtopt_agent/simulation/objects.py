"""Objects to grasp: a generator of shape families, split so that held-out shapes and sizes are never trained on."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from qtopt_agent.core.errors import InvalidInput

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Part:
    """One convex piece. `kind` and `size` as MuJoCo's geoms; a mesh has `vertices` [N, 3] in m instead of a size."""

    kind: str
    size: tuple[float, ...] = ()
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    euler: tuple[float, float, float] = (0.0, 0.0, 0.0)
    vertices: Array | None = None


@dataclass(frozen=True)
class ObjectSpec:
    """A rigid object: its parts in m, its density in kg/m^3 and a name for records."""

    name: str
    parts: tuple[Part, ...]
    density: float = 400.0
    outline: Array = field(default_factory=lambda: np.zeros((0, 3)))  # [N, 3] surface points, m


def _box(rng: np.random.Generator, width: float) -> list[Part]:
    return [Part("box", (width / 2, rng.uniform(0.5, 1.8) * width / 2 + 0.005, rng.uniform(0.010, 0.030)))]


def _cylinder(rng: np.random.Generator, width: float) -> list[Part]:
    if rng.random() < 0.5:
        return [Part("cylinder", (width / 2, rng.uniform(0.012, 0.035)))]
    return [Part("cylinder", (width / 2, rng.uniform(0.02, 0.05)), euler=(np.pi / 2, 0, 0))]


def _capsule(rng: np.random.Generator, width: float) -> list[Part]:
    return [Part("capsule", (width / 2, rng.uniform(0.01, 0.04)), euler=(np.pi / 2, 0, 0))]


def _ellipsoid(rng: np.random.Generator, width: float) -> list[Part]:
    return [Part("ellipsoid", (width / 2, rng.uniform(1.0, 1.8) * width / 2, rng.uniform(0.013, 0.028)))]


def _tee(rng: np.random.Generator, width: float) -> list[Part]:
    w, h, stem, bar = width / 2, rng.uniform(0.010, 0.022), rng.uniform(0.018, 0.035), rng.uniform(0.025, 0.045)
    return [Part("box", (w, stem, h)), Part("box", (bar, 0.011, h), (0, stem + 0.011, 0))]


def _cluster(rng: np.random.Generator, width: float) -> list[Part]:
    """Two or three overlapping primitives in a row: the training family with the most varied outlines."""
    parts: list[Part] = []
    y = 0.0
    for _ in range(int(rng.integers(2, 4))):
        w = width / 2 * rng.uniform(0.6, 1.0)
        kind = str(rng.choice(["box", "sphere", "cylinder"]))
        # Both heights are drawn whatever the kind, so that the sequence of draws never depends on it.
        box, cylinder = (w, w, rng.uniform(0.010, 0.025)), (w, rng.uniform(0.01, 0.025))
        size = {"box": box, "sphere": (w,), "cylinder": cylinder}[kind]
        y += 0.75 * (parts[-1].size[0] + w) if parts else 0.0
        parts.append(Part(kind, size, (rng.uniform(-0.006, 0.006), y, 0)))
    return [replace(part, position=(part.position[0], part.position[1] - y / 2, 0)) for part in parts]


def _branches(rng: np.random.Generator, width: float) -> list[Part]:
    """A bar with one to three others on it at random, never right, angles: concave outlines."""
    height = rng.uniform(0.010, 0.022)
    half = rng.uniform(0.025, 0.045)
    parts = [Part("box", (half, width / 2 * rng.uniform(0.5, 1.0), height))]
    for _ in range(int(rng.integers(1, 4))):
        angle = np.radians(rng.uniform(25, 65)) * rng.choice([-1, 1])
        length, start = rng.uniform(0.018, 0.035), rng.uniform(-0.8, 0.8) * half
        middle = (start + length * np.cos(angle), length * np.sin(angle), 0.0)
        parts.append(Part("box", (length, width / 2 * rng.uniform(0.5, 1.0), height), middle, (0, 0, angle)))
    return parts


def _zigzag(rng: np.random.Generator, width: float) -> list[Part]:
    """A chain of three bars, each turned against the last by an angle that is never right: hooks, cups and steps."""
    height, thickness = rng.uniform(0.010, 0.022), width / 2 * rng.uniform(0.35, 0.8)
    end, angle, parts = np.zeros(2), 0.0, []
    for _ in range(3):
        half = rng.uniform(0.014, 0.028)
        along = np.array([np.cos(angle), np.sin(angle)])
        middle = end + half * along
        parts.append(
            Part("box", (half + 0.5 * thickness, thickness, height), (middle[0], middle[1], 0.0), (0, 0, angle))
        )
        end = end + 2 * half * along
        angle += np.radians(rng.uniform(30, 60)) * rng.choice([-1, 1])
    centre = np.mean([part.position for part in parts], 0)
    return [replace(part, position=tuple(np.array(part.position) - centre)) for part in parts]


def _polyhedron(rng: np.random.Generator, width: float) -> list[Part]:
    """The hull of random points on an ellipsoid: slanted faces at every angle."""
    points = rng.normal(size=(int(rng.integers(8, 16)), 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    radii = (width / 2, rng.uniform(1.0, 1.9) * width / 2, rng.uniform(0.016, 0.032))
    return [Part("mesh", vertices=points * radii)]


def _prism(sides: int, radius: float, top: float, height: float) -> Part:
    """A regular prism or frustum as a mesh; `top` is the upper radius over the lower one."""
    angle = np.arange(sides) * 2 * np.pi / sides
    ring = np.stack([np.cos(angle), np.sin(angle)], -1) * radius
    low = np.column_stack([ring, np.full(sides, -height / 2)])
    high = np.column_stack([ring * top, np.full(sides, height / 2)])
    return Part("mesh", vertices=np.concatenate([low, high]))


def _hexagon(rng: np.random.Generator, width: float) -> list[Part]:
    return [_prism(6, width / np.sqrt(3), 1.0, rng.uniform(0.025, 0.06))]


def _dumbbell(rng: np.random.Generator, width: float) -> list[Part]:
    half = rng.uniform(0.022, 0.04)
    rod = Part("cylinder", (0.3 * width, half), euler=(np.pi / 2, 0, 0))
    return [rod, Part("sphere", (width / 2,), (0, half, 0)), Part("sphere", (width / 2,), (0, -half, 0))]


def _zed(rng: np.random.Generator, width: float) -> list[Part]:
    w, h, arm, bar = width / 2, rng.uniform(0.010, 0.025), rng.uniform(0.016, 0.026), rng.uniform(0.018, 0.032)
    ends = [Part("box", (arm, w, h), (s * (arm - w), s * bar, 0)) for s in (-1, 1)]
    return [Part("box", (w, bar, h)), *ends]


def _fork(rng: np.random.Generator, width: float) -> list[Part]:
    h, half, prong = rng.uniform(0.008, 0.02), rng.uniform(0.035, 0.045), rng.uniform(0.015, 0.025)
    w = width / 4
    prongs = [Part("box", (w / 2, prong, h), (x, -prong, 0)) for x in (w / 2 - half, 0, half - w / 2)]
    return [Part("box", (half, w, h), (0, w, 0)), *prongs]


def _house(rng: np.random.Generator, width: float) -> list[Part]:
    x, y, wall, roof = width / 2, rng.uniform(0.015, 0.04), rng.uniform(0.008, 0.02), rng.uniform(0.01, 0.025)
    profile = [(-x, -wall), (x, -wall), (-x, wall), (x, wall), (0.3 * x, wall + roof)]
    return [Part("mesh", vertices=np.array([(a, side * y, b) for a, b in profile for side in (-1, 1)]))]


def _pyramid(rng: np.random.Generator, width: float) -> list[Part]:
    return [_prism(4, width / np.sqrt(2), rng.uniform(0.45, 0.8), rng.uniform(0.03, 0.05))]


def _ell(rng: np.random.Generator, width: float) -> list[Part]:
    w, h, a, b = width / 2, rng.uniform(0.010, 0.025), rng.uniform(0.025, 0.045), rng.uniform(0.02, 0.04)
    return [Part("box", (w, a, h)), Part("box", (b, w, h), (b - w, a - w, 0))]


def _cross(rng: np.random.Generator, width: float) -> list[Part]:
    w, h = width / 2, rng.uniform(0.010, 0.025)
    return [Part("box", (w, rng.uniform(0.025, 0.045), h)), Part("box", (rng.uniform(0.025, 0.045), w, h))]


def _frustum(rng: np.random.Generator, width: float) -> list[Part]:
    return [_prism(16, width / 2, rng.uniform(0.45, 0.8), rng.uniform(0.03, 0.06))]


def _wedge(rng: np.random.Generator, width: float) -> list[Part]:
    y, h = rng.uniform(0.02, 0.045), rng.uniform(0.025, 0.045)
    x = width / 2
    corners = [(-x, 0), (x, 0), (-x, h)]
    return [Part("mesh", vertices=np.array([(a, s * y, b - h / 3) for a, b in corners for s in (-1, 1)]))]


def _arch(rng: np.random.Generator, width: float) -> list[Part]:
    h, span, leg = rng.uniform(0.008, 0.02), rng.uniform(0.02, 0.03), rng.uniform(0.015, 0.03)
    legs = [Part("box", (width / 4, leg, h), (s * (span + width / 4), -leg, 0)) for s in (-1, 1)]
    return [Part("box", (span + width / 2, width / 4, h), (0, width / 4, 0)), *legs]


Family = Callable[[np.random.Generator, float], list[Part]]
# Family name -> parts for a grasp width in m.
FAMILIES: dict[str, dict[str, Family]] = {
    "train": {
        "box": _box,
        "cylinder": _cylinder,
        "capsule": _capsule,
        "ellipsoid": _ellipsoid,
        "tee": _tee,
        "cluster": _cluster,
        "branches": _branches,
        "zigzag": _zigzag,
        "polyhedron": _polyhedron,
    },
    "validation": {
        "hexagon": _hexagon,
        "dumbbell": _dumbbell,
        "zed": _zed,
        "fork": _fork,
        "house": _house,
        "pyramid": _pyramid,
    },
    "held-out": {"ell": _ell, "cross": _cross, "frustum": _frustum, "wedge": _wedge, "arch": _arch},
}
# Grasp widths in m: held-out objects are also thinner and thicker than any in training.
WIDTHS = {"train": (0.022, 0.050), "validation": (0.019, 0.054), "held-out": (0.018, 0.056)}


def rotation(euler: tuple[float, float, float]) -> Array:
    """Rotation matrix [3, 3] of intrinsic x-y-z Euler angles in rad, MuJoCo's default sequence."""
    (sx, sy, sz), (cx, cy, cz) = np.sin(euler), np.cos(euler)
    x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(x @ y @ z)


def is_flat(points: Array) -> bool:
    """Whether points [N, 3] lie in a plane, to a millionth of their extent."""
    extent = np.ptp(points, axis=0).max(initial=0.0)
    return bool(np.linalg.matrix_rank(points - points.mean(0), 1e-6 * extent) < 3)


def surface_points(parts: list[Part]) -> Array:
    """Points [N, 3] on the parts that span the object's outline, m."""
    # Corners and a coarse sphere are enough: only extents and second moments are read from them.
    corners = np.array([(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 1)], dtype=float)
    turn = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    ring = np.column_stack([np.cos(turn), np.sin(turn), np.zeros(12)])
    points = []
    for part in parts:
        if part.vertices is not None:
            local = part.vertices
        elif part.kind == "box":
            local = corners * part.size
        elif part.kind in ("sphere", "ellipsoid"):
            ball = np.concatenate([ring, 0.7 * ring + (0, 0, 0.7), 0.7 * ring - (0, 0, 0.7), [(0, 0, 1), (0, 0, -1)]])
            local = ball * (part.size * 3 if part.kind == "sphere" else part.size)
        else:  # cylinder and capsule: radius, half length
            radius, half = part.size
            half = half + radius * 0.7 if part.kind == "capsule" else half
            local = np.concatenate([ring * radius + (0, 0, half), ring * radius - (0, 0, half), ring * radius])
        points.append(local @ rotation(part.euler).T + part.position)
    return np.concatenate(points)


def sample_object(split: str, rng: np.random.Generator) -> ObjectSpec:
    """A random object of `split` ("train", "validation" or "held-out"). Raises InvalidInput on any other split."""
    if split not in FAMILIES:
        raise InvalidInput(f"unknown object split {split!r}, expected one of {', '.join(FAMILIES)}")
    family = str(rng.choice(list(FAMILIES[split])))
    width = rng.uniform(*WIDTHS[split])
    parts = FAMILIES[split][family](rng, width)
    return ObjectSpec(family, tuple(parts), rng.uniform(200, 600), surface_points(parts))
