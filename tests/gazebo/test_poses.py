"""Poses are read as Gazebo prints them, and taken from a model's frame to the world's."""

import numpy as np
import pytest

from qtopt_agent.gazebo.poses import Pose, in_world, read_poses

PRINTED = """\
header {
  stamp {
    sec: 12
  }
}
pose {
  name: "hand"
  id: 9
  position {
    z: 0.4
  }
  orientation {
    w: 1
  }
}
pose {
  name: "object0"
  id: 31
  position {
    x: -0.0123
    y: 4.5e-05
    z: 0.01
  }
  orientation {
    z: 0.70710678118654757
    w: 0.70710678118654757
  }
}
"""


def test_what_gazebo_prints_is_read_by_name() -> None:
    poses = read_poses(PRINTED)
    assert poses.keys() == {"hand", "object0"}
    assert poses["hand"].position.tolist() == [0, 0, 0.4] and (poses["hand"].turn == np.eye(3)).all()
    assert poses["object0"].position.tolist() == [-0.0123, 4.5e-05, 0.01]
    assert poses["object0"].yaw == pytest.approx(np.pi / 2)


def test_nothing_is_read_from_nothing() -> None:
    assert read_poses("") == {}


def test_a_link_is_placed_by_its_models_pose() -> None:
    quarter = (0, 0, np.sqrt(0.5), np.sqrt(0.5))
    told = {"hand": Pose.of((1, 2, 0), quarter), "palm": Pose.of((0.1, 0, 0.5), quarter)}
    palm = in_world(told, "hand")["palm"]
    assert palm.position == pytest.approx([1, 2.1, 0.5])
    assert abs(palm.yaw) == pytest.approx(np.pi)
    assert palm.place(np.array([[0.1, 0, 0]])) == pytest.approx(np.array([[0.9, 2.1, 0.5]]))
