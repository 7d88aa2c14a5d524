"""Where tip and camera are mounted, for /tf: what a profile and its cell say, as far as nobody else tells it."""

from dataclasses import dataclass

import numpy as np

from qtopt_agent.core.rotations import matrix_of
from qtopt_agent.safety.arm_profile import ArmProfile
from qtopt_agent.safety.frame_tree import FramePose, FrameTree


@dataclass(frozen=True)
class Mounted:
    """Frame `child` does not move in `parent`."""

    parent: str
    child: str
    pose: FramePose


def missing(profile: ArmProfile, tree: FrameTree, camera: str) -> list[Mounted]:
    """The frames that `tree` lacks, of the tip and of pictures that say they are seen from frame `camera`.

    A camera's driver may tell of frames of its own: then their root is mounted, so that `camera` is where the cell has
    it. Of a camera nothing is said before the tip is known in the base frame. camera: empty if nobody has said it yet.
    """
    found, base, tip = [], profile.base_frame, profile.tip_frame
    if tree.knows(profile.tip_parent) and not tree.knows(tip):
        pose = FramePose(np.array(profile.tip_position), matrix_of(profile.tip_orientation.tolist()), np.inf)
        found.append(Mounted(profile.tip_parent, tip, pose))
    if not camera or profile.cell is None or not tree.joins(base, tip):
        return found
    lens, hand = profile.cell.camera, profile.cell.camera.mount == "hand"
    to_tip = matrix_of(profile.tool.tolist()).T if hand else np.eye(3)  # a cell's tip frame is upright at yaw 0
    parent = tip if hand else base
    if not tree.joins(parent, camera):
        root = tree.root(camera)
        seen = FramePose(to_tip @ np.array(lens.position), to_tip @ lens.rotation, np.inf)
        found.append(Mounted(parent, root, seen.then(tree.pose(root, camera).back())))
    return found
