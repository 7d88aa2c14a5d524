"""States and transitions of a managed node (design.ros2.org/articles/node_lifecycle.html), by their message numbers."""

from typing import NamedTuple

UNCONFIGURED, INACTIVE, ACTIVE, FINALIZED = 1, 2, 3, 4
CONFIGURING, CLEANINGUP, SHUTTINGDOWN, ACTIVATING, DEACTIVATING, ERRORPROCESSING = 10, 11, 12, 13, 14, 15
LABELS = {
    **{0: "unknown", UNCONFIGURED: "unconfigured", INACTIVE: "inactive", ACTIVE: "active", FINALIZED: "finalized"},
    **{CONFIGURING: "configuring", CLEANINGUP: "cleaningup", SHUTTINGDOWN: "shuttingdown", ACTIVATING: "activating"},
    **{DEACTIVATING: "deactivating", ERRORPROCESSING: "errorprocessing"},
}


class Transition(NamedTuple):
    """An edge between two states."""

    id: int
    label: str
    start: int
    goal: int


def _ended(first: int, start: int, success: int, failure: int, error: int) -> list[Transition]:
    goals = zip(("success", "failure", "error"), (success, failure, error), strict=True)
    return [Transition(first + i, f"transition_{end}", start, goal) for i, (end, goal) in enumerate(goals)]


REQUESTS = [
    Transition(1, "configure", UNCONFIGURED, CONFIGURING),
    Transition(2, "cleanup", INACTIVE, CLEANINGUP),
    Transition(3, "activate", INACTIVE, ACTIVATING),
    Transition(4, "deactivate", ACTIVE, DEACTIVATING),
    Transition(5, "shutdown", UNCONFIGURED, SHUTTINGDOWN),
    Transition(6, "shutdown", INACTIVE, SHUTTINGDOWN),
    Transition(7, "shutdown", ACTIVE, SHUTTINGDOWN),
]
TRANSITIONS = [
    *REQUESTS,
    *_ended(10, CONFIGURING, INACTIVE, UNCONFIGURED, ERRORPROCESSING),
    *_ended(20, CLEANINGUP, UNCONFIGURED, INACTIVE, ERRORPROCESSING),
    *_ended(30, ACTIVATING, ACTIVE, INACTIVE, ERRORPROCESSING),
    *_ended(40, DEACTIVATING, INACTIVE, ACTIVE, ERRORPROCESSING),
    *_ended(50, SHUTTINGDOWN, FINALIZED, FINALIZED, ERRORPROCESSING),
    *_ended(60, ERRORPROCESSING, UNCONFIGURED, FINALIZED, FINALIZED),
]
