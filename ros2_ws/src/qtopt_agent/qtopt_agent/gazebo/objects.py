"""The objects of an episode as one SDF model: a link each, which nothing joins."""

from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.gazebo import bridge
from qtopt_agent.gazebo.hull import convex_hull
from qtopt_agent.gazebo.mass import mass_properties
from qtopt_agent.gazebo.world import PAD_FRICTION, inertial, solid
from qtopt_agent.simulation.layout import Layout
from qtopt_agent.simulation.markup import numbers
from qtopt_agent.simulation.parts import Part, rotation


def objects_sdf(layout: Layout, folder: Path) -> str:
    """The model. Meshes are written to `folder` as STL files, which it names."""
    links = []
    for i, (spec, pose) in enumerate(zip(layout.objects, layout.poses, strict=True)):
        x, y, z, yaw = pose
        solids = "".join(
            solid(f"part{k}", _geometry(part, folder / f"object{i}_{k}.stl"), _pose(part), colour, PAD_FRICTION)
            for k, part in enumerate(spec.parts)
            for colour in [layout.appearance.objects[i]]
        )
        place = f"<pose>{numbers([x, y, z, 0, 0, yaw])}</pose>"
        links.append(f'<link name="object{i}">{place}{inertial(*mass_properties(spec))}{solids}</link>')
    return f"""<?xml version="1.0"?>
<sdf version="1.9"><model name="{bridge.OBJECTS}"><self_collide>true</self_collide>
  {"".join(links)}
</model></sdf>
"""


def _pose(part: Part) -> list[float]:
    """Position and roll, pitch, yaw about fixed axes; the generator's angles are about axes that turn along."""
    turn = rotation(part.euler)
    roll, yaw = np.arctan2(turn[2, 1], turn[2, 2]), np.arctan2(turn[1, 0], turn[0, 0])
    return [*part.position, float(roll), float(np.arcsin(np.clip(-turn[2, 0], -1, 1))), float(yaw)]


def _geometry(part: Part, file: Path) -> str:
    size = part.size
    if part.vertices is not None:
        convex_hull(part.vertices).export(file)
        return f"<mesh><uri>{quoteattr(str(file))[1:-1]}</uri></mesh>"
    if part.kind == "box":
        return f"<box><size>{numbers(2 * np.array(size))}</size></box>"
    if part.kind == "sphere":
        return f"<sphere><radius>{size[0]:.6g}</radius></sphere>"
    if part.kind == "ellipsoid":
        return f"<ellipsoid><radii>{numbers(size)}</radii></ellipsoid>"
    if part.kind in ("cylinder", "capsule"):
        return f"<{part.kind}><radius>{size[0]:.6g}</radius><length>{2 * size[1]:.6g}</length></{part.kind}>"
    raise InvalidInput(f"part is a {part.kind}, expected box, sphere, ellipsoid, cylinder, capsule or mesh")
