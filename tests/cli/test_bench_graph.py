"""The graph's benchmark runs whole nodes; this looks at what it reports, not at how fast it is."""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("cyclonedds", reason="nodes run on the stand-in, which needs qtopt_agent[standalone]")


@pytest.mark.usefixtures("unmeasured")
def test_a_short_run_reports_every_measurement(tmp_path, published):
    from qtopt_agent.standalone.hooks import ros_is_installed

    file = tmp_path / "graph.json"
    settings = ["--model", published, "--decisions", "5", "--faults", "1", "--seconds", "2", "--json", file]
    command = [sys.executable, "-m", "qtopt_agent.cli.main", "bench", "graph", *map(str, settings)]
    environment = dict(os.environ) | {"ROS_DOMAIN_ID": "201" if ros_is_installed() else "200"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, env=environment)
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())
    assert found["decide"]["decisions"] >= 5 and found["decide"]["graph_ms"]["p50"] > 0
    assert found["decide"]["heard_ms"]["p50"] >= found["decide"]["graph_ms"]["p50"]
    stop = found["stop"]
    assert set(stop["sent_ms"]) == set(stop["heard_ms"]) == {"camera", "gripper", "pose", "command"}
    for name, limit in stop["limits_s"].items():
        assert stop["sent_ms"][name]["p50"] >= 900 * limit  # a driver that stops long before is no measurement
    assert found["log"]["images"] == 63 and found["log"]["written"] <= 63 and found["log"]["bytes"] > 0
    assert "image to command sent" in done.stdout
