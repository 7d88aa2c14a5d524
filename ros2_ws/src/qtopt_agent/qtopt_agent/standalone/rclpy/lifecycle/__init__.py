"""Managed nodes: unconfigured, inactive, active, finalized."""

from .node import LifecycleNode, LifecycleState, TransitionCallbackReturn
from .publisher import LifecyclePublisher

Node, State, Publisher = LifecycleNode, LifecycleState, LifecyclePublisher

__all__ = [
    "LifecycleNode",
    "LifecyclePublisher",
    "LifecycleState",
    "Node",
    "Publisher",
    "State",
    "TransitionCallbackReturn",
]
