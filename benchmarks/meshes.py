"""V-HACD or CoACD? Time, parts, volume and grasps of 30 meshes, split by each into parts for contacts.

    pip install coacd pybullet
    python benchmarks/meshes.py --json docs/curves/meshes.json

Twenty meshes are pybullet's, ten are made here. All are brought to the size at which they are grasped, and CoACD gets
no more than 2,000 triangles. Each mesh is split in a process of its own, ended after --limit seconds of processor time.
Volume is what the parts fill, overlaps once, over what the mesh does, where that closes. Grasps are the model's, single
objects in the embedded simulator, the same seeds for both.

    python benchmarks/meshes.py --triangles

splits the finest meshes by V-HACD at several numbers of triangles instead.
"""

import argparse
import json
import multiprocessing
import resource
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pybullet_data
import torch
import trimesh
from numpy.typing import NDArray
from rich.progress import track
from scipy.spatial import ConvexHull

from qtopt_agent.models.folder import load, profile_of
from qtopt_agent.rollouts.episode_runner import EpisodeRunner
from qtopt_agent.rollouts.intervals import wilson
from qtopt_agent.simulation.convex import MAX_PART_VERTICES, MAX_PARTS, MAX_TRIANGLES, reduced, split
from qtopt_agent.simulation.mesh_files import read_mesh
from qtopt_agent.simulation.meshes import LENGTHS, object_of
from qtopt_agent.simulation.robot import SimulatedRobot

Array = NDArray[Any]

FROM_PYBULLET = (
    *("bunny.obj", "duck.obj", "soccerball.obj", "torus/torus_textured.obj", "urdf/mug.obj", "lego/lego.obj"),
    *("toys/concave_box.obj", "toys/shape_sorter.obj", "l_finger.stl", "bicycle/files/bike_rack.stl"),
    *("differential/diff_pinion.stl", "differential/diff_ring.stl", "differential/diff_spider.stl"),
    *("bicycle/files/handlebar_scaled.stl", "bicycle/files/wheel_scaled.stl", "gripper/meshes/WSG-FMF.stl"),
    *("kuka_iiwa/meshes/link_3.stl", "quadruped/microtaur/channel_4inch.stl"),
    *("racecar/meshes/left_front_wheel.STL", "xarm/xarm_gripper/meshes/left_inner_knuckle.STL"),
)
FINEST = ("differential/diff_ring.stl", "quadruped/microtaur/channel.stl", "samurai_monastry.obj")
POINTS = 100_000  # for volumes


def skin(rings: Array, closed: bool = False) -> trimesh.Trimesh:
    """The surface through rings of corners [N, S, 3]; its ends are closed by fans, or joined."""
    count, sections = rings.shape[:2]
    corner = np.arange(count * sections).reshape(count, sections)
    rows = np.concatenate([corner, corner[:1]]) if closed else corner
    a, b = rows[:-1], rows[1:]
    c, d = np.roll(b, -1, 1), np.roll(a, -1, 1)
    faces = [np.stack(each, -1).reshape(-1, 3) for each in ((a, c, b), (a, d, c))]
    if not closed:
        first, last = np.full(sections, count * sections), np.full(sections, count * sections + 1)
        faces += [np.stack([first, d[0], a[0]], -1), np.stack([last, b[-1], c[-1]], -1)]
    vertices = np.concatenate([rings.reshape(-1, 3), rings[[0, -1]].mean(1)])
    return trimesh.Trimesh(vertices, np.concatenate(faces))


def tube(path: Array, radius: float, sections: int = 24, closed: bool = False) -> trimesh.Trimesh:
    """A round bar along a curve [N, 3]."""
    along = np.roll(path, -1, 0) - np.roll(path, 1, 0) if closed else np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.cross(along, (0.13, 0.21, 0.97))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    angle = np.arange(sections)[:, None] * 2 * np.pi / sections
    wheel = np.cos(angle) * across[:, None] + np.sin(angle) * np.cross(along, across)[:, None]
    return skin(path[:, None] + radius * wheel, closed)


def turned(profile: list[tuple[float, float]], sections: int = 48) -> trimesh.Trimesh:
    """What a lathe makes of radii and heights."""
    angle = np.arange(sections) * 2 * np.pi / sections
    return skin(np.array([np.stack([r * np.cos(angle), r * np.sin(angle), 0 * angle + z], -1) for r, z in profile]))


def bolt() -> trimesh.Trimesh:
    """A hexagonal head on a threaded rod."""
    angle, height = np.arange(60) * 2 * np.pi / 60, np.linspace(0, 50, 120)
    head = 9 / np.cos(angle % (np.pi / 3) - np.pi / 6)
    radii = np.array([head if z < 8 else 5 + 0.5 * np.sin(angle + z * np.pi) for z in height])
    return skin(np.stack([radii * np.cos(angle), radii * np.sin(angle), 0 * radii + height[:, None]], -1))


def gear() -> trimesh.Trimesh:
    """Twelve teeth on a disc."""
    angle = np.arange(240) * 2 * np.pi / 240
    radius = 25 + 4 * np.tanh(4 * np.sin(12 * angle))
    return skin(
        np.array([np.stack([radius * np.cos(angle), radius * np.sin(angle), 0 * angle + z], -1) for z in (0, 12)])
    )


def curve(x: Any, y: Any, z: Any) -> Array:
    """Points [N, 3] of three coordinates."""
    return np.stack(np.broadcast_arrays(x, y, z), -1).astype(float)


def made() -> dict[str, trimesh.Trimesh]:
    """Ten shapes with holes, hollows, hooks or teeth, in mm."""
    t, long = np.linspace(0, 2 * np.pi, 120, endpoint=False), np.linspace(0, 16 * np.pi, 3200)
    half = np.linspace(0, np.pi, 60)
    hook = np.concatenate([curve(0, 0, np.linspace(60, 1, 40)), curve(20 - 20 * np.cos(half), 0, -20 * np.sin(half))])
    link = curve(25 * np.cos(t) + 12 * np.tanh(3 * np.cos(t)), 14 * np.sin(t), 0)
    trefoil = curve(np.sin(t) + 2 * np.sin(2 * t), np.cos(t) - 2 * np.cos(2 * t), -np.sin(3 * t))
    return {
        "spring": tube(curve(20 * np.cos(long), 20 * np.sin(long), 80 * long / long[-1]), 3, 30),  # 192,000 triangles
        "ring": tube(curve(25 * np.cos(t), 25 * np.sin(t), 0), 6, closed=True),
        "chain link": tube(link, 5, closed=True),
        "knot": tube(12 * trefoil, 5, closed=True),
        "hook": tube(hook, 5),
        "horseshoe": tube(curve(30 * np.cos(1.6 * half), 30 * np.sin(1.6 * half), 0), 6),
        "cup": turned([(1, 0), (28, 0), (32, 70), (29, 70), (25, 4), (1, 4)]),
        "bowl": turned([(1, 0), (20, 0), (45, 30), (42, 31), (18, 4), (1, 4)]),
        "bolt": bolt(),
        "gear": gear(),
    }


def all_meshes(folder: Path) -> dict[str, tuple[Array, Array]]:
    """Vertices, m, and triangles of each by name, corners in one place being one; `folder` keeps what is made."""
    paths = {Path(name).stem: Path(pybullet_data.getDataPath()) / name for name in FROM_PYBULLET}
    for name, mesh in made().items():
        paths[name] = folder / f"{name}.stl"
        mesh.export(paths[name])
    return {name: prepared(path) for name, path in paths.items()}


def prepared(path: Path) -> tuple[Array, Array]:
    """A file's vertices, m, and triangles, as `simulation/meshes.py` and `convex.py` make them ready to be split."""
    vertices, faces = read_mesh(path)
    longest = np.ptp(vertices, axis=0).max()
    vertices, index = np.unique(vertices * np.clip(longest, *LENGTHS) / longest, axis=0, return_inverse=True)
    return vertices, index.reshape(-1)[faces]


def by_vhacd(vertices: Array, faces: Array) -> list[Array]:
    """Parts as the simulator makes them."""
    return split(*reduced(vertices, faces, MAX_TRIANGLES))


def by_coacd(vertices: Array, faces: Array) -> list[Array]:
    """CoACD (Wei, SIGGRAPH 2022), hurried: with its defaults, and with more triangles, most meshes take minutes."""
    import coacd  # not where models are loaded: imported before torch, it makes torch.jit hang

    coacd.set_log_level("error")
    mesh = coacd.Mesh(*reduced(vertices, faces, 2000))
    search = {"mcts_iterations": 60, "mcts_nodes": 10, "mcts_max_depth": 2, "resolution": 1000}
    limits = {"max_convex_hull": MAX_PARTS, "max_ch_vertex": MAX_PART_VERTICES, "decimate": True}
    return [corners for corners, _ in coacd.run_coacd(mesh, preprocess_resolution=30, **search, **limits)]


METHODS: dict[str, Callable[[Array, Array], list[Array]]] = {"V-HACD": by_vhacd, "CoACD": by_coacd}


def timed(
    method: Callable[[Array, Array], list[Array]], mesh: tuple[Array, Array], limit: int
) -> tuple[list[Array], float] | str:
    """Parts and processor time, s, or why there are none."""

    def work(answer: Connection) -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + limit, resource.RLIM_INFINITY))
        start = time.process_time()
        parts = method(*mesh)
        answer.send((parts, time.process_time() - start))

    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=work, args=(there,))
    process.start()
    there.close()
    try:
        return here.recv()
    except EOFError:
        process.join()
        return f"over {limit}" if process.exitcode == -signal.SIGXCPU else "aborts"


def filled(parts: list[Array], rng: np.random.Generator) -> float:
    """Volume that the convex parts fill together, m^3."""
    corners = np.concatenate(parts)
    low, high = corners.min(0), corners.max(0)
    points = rng.uniform(low, high, (POINTS, 3))
    inside = np.zeros(POINTS, bool)
    for part in parts:
        planes = ConvexHull(part).equations
        inside |= (points @ planes[:, :3].T + planes[:, 3] <= 0).all(1)
    return float(inside.mean() * np.prod(high - low))


def grasped(model: Path, parts: list[Array], grasps: int) -> int:
    """How many of `grasps` attempts at the object of these parts succeed."""
    spec = object_of("object", parts)
    profile = profile_of(model)
    robot = SimulatedRobot(profile, lambda rng: spec, (1, 1), "rays")
    runner, policy = EpisodeRunner(robot, profile, robot.succeeded), load(model)
    return sum(runner.run(policy, np.random.default_rng(seed), seed, "").success for seed in range(grasps))


def measure(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each mesh, a dict for each method in it."""
    rows, rng = [], np.random.default_rng(0)
    with TemporaryDirectory() as folder:
        meshes = all_meshes(Path(folder))
    for name, mesh in track(meshes.items(), "meshes"):
        whole = trimesh.Trimesh(*mesh, process=False)
        row: dict[str, Any] = {"mesh": name, "triangles": len(mesh[1])}
        for label, method in METHODS.items():
            found = timed(method, mesh, arguments.limit)
            if isinstance(found, str):
                row[label] = {"s": found}
            else:
                parts, seconds = found
                volume = filled(parts, rng) / abs(whole.volume) if whole.is_watertight else None
                counted = grasped(arguments.model, parts, arguments.grasps)
                row[label] = {"s": seconds, "parts": len(parts), "volume": volume, "grasps": counted}
        rows.append(row)
    return rows


def table(rows: list[dict[str, Any]], grasps: int) -> str:
    """Markdown: a line a mesh, and sums over those that both have split."""
    heads = [f"{label}: {what}" for label in METHODS for what in ("s", "parts", "volume", f"of {grasps}")]
    lines = ["| mesh | triangles | " + " | ".join(heads) + " |", "| --- " * (2 + len(heads)) + "|"]
    for row in rows:
        cells = [row["mesh"], f"{row['triangles']:,}"]
        for label in METHODS:
            one = row[label]
            if "parts" in one:
                volume = "-" if one["volume"] is None else f"{one['volume']:.2f}"
                cells += [f"{one['s']:.1f}", str(one["parts"]), volume, str(one["grasps"])]
            else:
                cells += [one["s"], "-", "-", "-"]
        lines.append("| " + " | ".join(cells) + " |")
    both = [row for row in rows if all("parts" in row[label] for label in METHODS)]
    for label in METHODS:
        ones = [row[label] for row in both]
        excess = [abs(row[label]["volume"] - 1) for row in both if row[label]["volume"] is not None]
        count, trials = sum(one["grasps"] for one in ones), grasps * len(ones)
        low, high = wilson(count, trials)
        lines.append(
            f"\n{label}, the {len(both)} meshes that both split: median {np.median([one['s'] for one in ones]):.2f} s, "
            f"{np.mean([one['parts'] for one in ones]):.1f} parts, volume off by {np.median(excess):.1%} (median), "
            f"{count} of {trials} grasps ({count / trials:.1%}, {low:.1%} - {high:.1%})"
        )
    return "\n".join(lines)


def by_triangles() -> str:
    """Markdown: seconds of reducing and splitting, and the parts' volume, by the number of triangles that is left."""
    lines = ["| mesh | triangles | s to reduce | s to split | volume, cm^3 |", "| --- " * 5 + "|"]
    with TemporaryDirectory() as folder:
        paths = [Path(pybullet_data.getDataPath()) / name for name in FINEST]
        for name, sections in (("spring", 30), ("finer spring", 150)):
            long = np.linspace(0, 16 * np.pi, 3200)
            mesh = tube(curve(20 * np.cos(long), 20 * np.sin(long), 80 * long / long[-1]), 3, sections)
            paths.append(Path(folder) / f"{name}.stl")
            mesh.export(paths[-1])
        meshes = {path.stem: prepared(path) for path in paths}
    for name, mesh in meshes.items():
        for limit in (len(mesh[1]), 100_000, 50_000, 20_000, 10_000, 5_000):
            if limit <= len(mesh[1]):
                start = time.process_time()
                less = reduced(*mesh, limit)
                between = time.process_time()
                volume = filled(split(*less), np.random.default_rng(0))
                spent = f"{between - start:.2f} | {time.process_time() - between:.2f}"
                lines.append(f"| {name} | {len(less[1]):,} | {spent} | {1e6 * volume:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, write the data and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("models/compact-1"), help="model folder")
    parser.add_argument("--grasps", type=int, default=10, help="attempts at each object")
    parser.add_argument("--limit", type=int, default=20, help="s of processor time for one mesh")
    parser.add_argument("--json", type=Path, help="data to write")
    parser.add_argument("--triangles", action="store_true", help="numbers of triangles in place of methods")
    arguments = parser.parse_args()
    if arguments.triangles:
        print(by_triangles())
        return
    torch.set_num_threads(1)
    rows = measure(arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")
    print(table(rows, arguments.grasps))


if __name__ == "__main__":
    main()
