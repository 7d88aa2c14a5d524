"""The doctor finds every planted fault, and nothing in a graph that is well."""

from dataclasses import replace
from pathlib import Path

import pytest

from qtopt_agent.agent.inputs import InputLimits
from qtopt_agent.doctor.files import examine_arm_file, examine_model
from qtopt_agent.doctor.findings import Severity, worst
from qtopt_agent.doctor.running import Snapshot, Stream, examine
from qtopt_agent.perception.ingest import RawImage
from qtopt_agent.safety.commands import DriverState
from qtopt_agent.safety.watchdog import AgeLimits

ARMS = Path(__file__).parents[2] / "ros2_ws/src/qtopt_agent/config/arms"
IMAGE = RawImage(bytes(64 * 48 * 3), "rgb8", 48, 64, 192)
WELL = Snapshot(
    camera=Stream("/camera/image_raw", 30.0, 0.02, False, 1),
    gripper=Stream("/gripper/state", 50.0, 0.005, False, 1),
    pose=Stream("/arm/pose", 100.0, 0.005, False, 1),
    command=Stream("/qtopt/command", 0.0, publishers=1),
    image=IMAGE,
    sizes=((48, 64),),
    aperture=0.08,
    driver_state=DriverState.ARMED,
    workspace=((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    model_profile="compact",
    model_version="compact-1",
)


def look(**changes):
    return examine(replace(WELL, **changes), InputLimits(), AgeLimits())


def test_a_graph_that_is_well_has_only_good_news():
    findings = look()
    assert worst(findings) == Severity.OK
    assert len(findings) >= 5 and not any(finding.advice for finding in findings)


FAULTS = {
    "no publisher": ({"camera": Stream("/camera/image_raw")}, "nobody publishes /camera/image_raw"),
    "no message": ({"camera": Stream("/camera/image_raw", publishers=1)}, "nothing comes"),
    "frozen": ({"camera": Stream("/c", 30.0, 0.02, True, 1)}, "frozen"),
    "late": ({"camera": Stream("/c", 30.0, 0.5, False, 1)}, "0.50 s old"),
    "future": ({"camera": Stream("/c", 30.0, -2.0, False, 1)}, "2.00 s in the future"),
    "slow": ({"camera": Stream("/c", 2.0, 0.02, False, 1)}, "2.0 times a second"),
    "two cameras": ({"camera": Stream("/c", 30.0, 0.02, False, 2)}, "2 nodes publish"),
    "encoding": ({"image": replace(IMAGE, encoding="16UC1")}, "16UC1"),
    "size": ({"image": RawImage(bytes(300), "rgb8", 10, 10, 30)}, "10x10"),
    "sizes": ({"sizes": ((48, 64), (480, 640))}, "64x48, 640x480"),
    "gripper": ({"gripper": Stream("/gripper/state")}, "no gripper state"),
    "aperture": ({"aperture": float("nan")}, "aperture is nan"),
    "pose": ({"pose": Stream("/arm/pose", 5.0, 0.01, False, 1)}, "measured pose comes 5.0"),
    "model": ({"model_version": "", "model_profile": ""}, "no model is loaded"),
    "profile": ({"model_profile": "huge"}, "unknown profile 'huge'"),
    "two agents": ({"command": Stream("/qtopt/command", 0.0, publishers=2)}, "2 nodes publish /qtopt/command"),
    "no driver": ({"driver_state": None}, "no arm driver"),
    "workspace": ({"workspace": None}, "no workspace"),
    "disarmed": ({"driver_state": DriverState.DISARMED}, "disarmed"),
    "held": ({"driver_state": DriverState.HOLDING, "driver_text": "two agents"}, "HOLDING: two agents"),
    "clock": ({"clock_went_back": True}, "clock went back"),
    "no sim time": ({"uses_sim_time": True}, "0 nodes publish /clock"),
    "two clocks": ({"uses_sim_time": True, "clock_publishers": 2}, "2 nodes publish /clock"),
}


@pytest.mark.parametrize("name", list(FAULTS))
def test_every_planted_fault_is_found_with_advice(name):
    changes, text = FAULTS[name]
    bad = [finding for finding in look(**changes) if finding.severity > Severity.OK]
    assert [finding for finding in bad if text in finding.text], bad
    assert all(finding.advice for finding in bad)
    assert len(bad) == 1


def test_arm_files_are_examined(tmp_path):
    assert worst(examine_arm_file(ARMS / "mujoco.yaml")) == Severity.OK
    finding = examine_arm_file(ARMS / "generic.yaml")[0]
    assert finding.severity == Severity.ERROR and "workspace.low" in finding.text
    box = "workspace: {low: [-2.0, -1.0, 0.4], high: [2.0, 1.0, 0.9]}, limits: {speed: 0.02}"
    (tmp_path / "arm.yaml").write_text(f"/**: {{ros__parameters: {{{box}}}}}")
    findings = examine_arm_file(tmp_path / "arm.yaml")
    assert worst(findings) == Severity.WARNING
    text = " ".join(finding.text for finding in findings)
    assert "4.00 x 2.00" in text and "floor" in text and "longest motion" in text


def test_models_are_examined(model):
    assert worst(examine_model(model, (480, 640))) == Severity.OK
    assert "16x16" in examine_model(model, (16, 16))[-1].text
    (model / "policy.pt").write_bytes(b"")
    assert "sha256" in examine_model(model)[0].text
