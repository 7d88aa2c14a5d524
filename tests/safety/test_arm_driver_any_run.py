"""Whatever happens in a run, every set point keeps the limits and the last one is a stop."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qtopt_agent.core.action import GripperCommand
from qtopt_agent.safety.commands import DriverState
from qtopt_agent.safety.driver_settings import Output

from .conftest import assert_stopped, assert_within_limits

small = st.floats(-0.15, 0.15)
anything = st.one_of(small, st.floats(allow_nan=True, allow_infinity=True, width=32))
events = st.one_of(
    st.tuples(st.just("move"), small, small, small, st.floats(-2, 2), st.sampled_from(GripperCommand)),
    st.tuples(st.just("bad move"), anything, anything, anything, anything),
    st.tuples(st.just("silence"), st.sampled_from(["camera", "gripper", "pose", "agent"])),
    st.tuples(st.just("speak")),
    st.tuples(st.just("clock"), st.floats(-100, 100)),
    st.tuples(st.just("push"), small, small, small),
    st.tuples(st.just("block"), st.booleans()),
    st.tuples(st.just("measure"), anything),
    st.tuples(st.just("intruder")),
    st.tuples(st.just("resume")),
    st.tuples(st.just("disarm")),
)
runs = st.lists(st.tuples(events, st.integers(1, 40), st.floats(0.001, 0.2)), max_size=25)


def apply(bench, event):
    kind, *values = event
    driver = bench.driver
    if kind in ("move", "bad move"):
        bench.move(*values)
    elif kind == "silence":
        bench.alive = bench.alive and values[0] != "agent"
        bench.silent.add(values[0])
    elif kind == "speak":
        bench.alive = True
        bench.silent.clear()
    elif kind == "clock":
        bench.clock_offset = values[0]
    elif kind == "push":
        bench.position = bench.settings.step.workspace.clip(bench.position + np.array(values))
    elif kind == "block":
        bench.blocked = values[0]
    elif kind == "measure":
        driver.measured(np.array([values[0], 0.0, 0.1]), 0.0, bench.clock, bench.clock, bench.now)
    elif kind == "intruder":
        bench.move(x=0.05, writer="intruder")
    elif kind == "resume" and driver.state == DriverState.HOLDING:
        driver.resume(bench.now)
    elif kind == "resume" and driver.state == DriverState.DISARMED:
        assert_within_limits(bench)
        driver.arm(bench.now)
        bench.sent.clear()  # armed anew, the set point begins where the arm is by then
        bench.times.clear()
    elif kind == "disarm":
        driver.disarm()


@pytest.mark.parametrize("output", list(Output))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(run=runs)
def test_whatever_happens_every_set_point_keeps_the_limits_and_the_last_is_a_stop(make_bench, output, run):
    bench = make_bench(output)
    bench.arm()
    for event, ticks, dt in run:
        apply(bench, event)
        bench.step(ticks, dt)
    bench.silent.update(["camera", "gripper", "pose"])
    bench.alive = False
    for _ in range(500):
        bench.step()
    assert bench.driver.state in (DriverState.HOLDING, DriverState.DISARMED)
    assert_within_limits(bench)
    if bench.sent:
        assert not bench.sent[-1].velocity.any() and bench.sent[-1].yaw_rate == 0
        if bench.driver.state == DriverState.HOLDING:
            assert bench.driver.faults
            assert_stopped(bench)
