"""The simulator node in the cell of its arm."""

from dataclasses import replace

from graph_tools import Spinning, folder, running, until
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image, JointState

from qtopt_agent.cells.cell_file import write_cell
from qtopt_agent.core.cell import EMBEDDED


def check_it_has_the_cell_of_its_arm():
    narrow = replace(EMBEDDED, jaw=replace(EMBEDDED.jaw, aperture=0.05))
    assert abs(opened("embedded") - EMBEDDED.jaw.aperture) < 0.002
    with folder() as root:
        write_cell(narrow, root / "narrow.yaml", "A narrow jaw.")
        assert abs(opened(str(root / "narrow.yaml")) - 0.05) < 0.002


def opened(cell):
    """How far the jaw of a simulator with `cell` is open, m."""
    with Spinning("probe") as probe, running(("simulator", {"cell": cell})):
        found = []
        probe.node.create_subscription(JointState, "/gripper/joint_states", found.append, qos_profile_sensor_data)
        until(lambda: found, "a joint state")
        return sum(found[-1].position)


def check_its_pictures_have_the_size_of_its_profile():
    for profile, size in (("compact", 32), ("detailed", 64)):
        with Spinning("probe") as probe, running(("simulator", {"profile": profile})):
            found = []
            probe.node.create_subscription(Image, "/camera/image_raw", found.append, qos_profile_sensor_data)
            until(lambda found=found: found, "a picture")
            assert (found[-1].width, found[-1].height) == (size, size)
