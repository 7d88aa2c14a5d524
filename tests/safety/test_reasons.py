"""The message and the code name the same states and reasons."""

import re
from pathlib import Path

from qtopt_agent.safety.commands import DriverState
from qtopt_agent.safety.reasons import Reason

MESSAGES = Path(__file__).parents[2] / "ros2_ws/src/qtopt_msgs/msg"


def test_safety_status_has_a_constant_for_every_state_and_reason_and_no_other():
    text = (MESSAGES / "SafetyStatus.msg").read_text()
    constants = re.findall(r"^uint8 ([A-Z_]+)=(\d+)", text, re.MULTILINE)
    states = [(state.name, str(state.value)) for state in DriverState]
    assert constants[: len(states)] == states
    assert [name for name, _ in constants[len(states) :]] == [reason.name for reason in Reason]
