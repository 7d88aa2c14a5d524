"""qtopt bench simulate measures what it says."""

import json

import pytest
from typer.testing import CliRunner

from qtopt_agent.cli.bench_simulate import CASES
from qtopt_agent.cli.main import app
from qtopt_agent.speed import simulation
from qtopt_agent.speed.simulation import measure_simulation


def test_it_writes_a_row_for_every_case(tmp_path):
    file = tmp_path / "speed.json"
    result = CliRunner().invoke(app, ["bench", "simulate", "--seconds", "0.1", "--json", str(file)])
    assert result.exit_code == 0, result.output
    assert result.stderr == ""  # a bar is for terminals only
    rows = json.loads(file.read_text())
    assert [(row["image_px"], row["objects"], row["looks"]) for row in rows] == list(CASES)
    assert all(row["control_steps_per_s"] > 0 and row["reset_ms"] > 0 for row in rows)
    assert all(f"{row['control_steps_per_s']:.0f}" in result.stdout for row in rows)


def test_steps_and_resets_are_timed_apart(monkeypatch):
    """On a clock that only moves while the robot works: 10 ms a step, 70 ms a reset."""
    clock = 0.0
    make_robot = simulation.make_robot

    def slow(*arguments, **named):
        robot = make_robot(*arguments, **named)

        def after(method, seconds):
            def run(*values):
                nonlocal clock
                clock += seconds
                return method(*values)

            return run

        robot.execute = after(robot.execute, 0.010)
        robot.reset = after(robot.reset, 0.070)
        return robot

    monkeypatch.setattr(simulation, "make_robot", slow)
    monkeypatch.setattr(simulation.time, "perf_counter", lambda: clock)
    speed = measure_simulation(image_px=0, objects=1, seconds=0.5)
    assert (speed.control_steps_per_s, speed.reset_ms) == pytest.approx((100, 70))
