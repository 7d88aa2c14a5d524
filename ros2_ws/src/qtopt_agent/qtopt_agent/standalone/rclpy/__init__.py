"""The part of rclpy that the nodes of this package use; each file has the name of the one it stands for."""

from typing import Any

from .context import Context, get_default_context
from .executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from .node import Node
from .signals import SignalHandlerOptions
from .task import Future

__all__ = ["Context", "ExternalShutdownException", "Future", "Node", "SignalHandlerOptions"]


def init(
    *,
    args: list[str] | None = None,
    context: Context | None = None,
    domain_id: int | None = None,
    signal_handler_options: SignalHandlerOptions | None = None,
) -> None:
    """Join the graph. `args` is sys.argv unless given; SIGINT and SIGTERM end the context unless told otherwise."""
    if signal_handler_options is None:
        signal_handler_options = SignalHandlerOptions.NO if context else SignalHandlerOptions.ALL
    context = context or get_default_context()
    context.init(args, domain_id=domain_id, signal_handler_options=signal_handler_options)


def shutdown(*, context: Context | None = None) -> None:
    """Leave the graph. Raises RuntimeError if that was done before."""
    (context or get_default_context()).shutdown()


def try_shutdown(*, context: Context | None = None) -> None:
    """Leave the graph, if that has not been done."""
    (context or get_default_context()).try_shutdown()


def ok(*, context: Context | None = None) -> bool:
    """Whether the context is between init and shutdown."""
    return (context or get_default_context()).ok()


def create_node(node_name: str, **kwargs: Any) -> Node:
    """A plain node."""
    return Node(node_name, **kwargs)


def spin(node: Node, executor: Executor | None = None) -> None:
    """Run the node's callbacks until the context ends."""
    executor = executor or SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    try:
        executor.spin()
    finally:
        executor.remove_node(node)


def spin_once(node: Node, *, executor: Executor | None = None, timeout_sec: float | None = None) -> None:
    """Run one callback, if one comes within `timeout_sec` s."""
    executor = executor or SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    try:
        executor.spin_once(timeout_sec)
    finally:
        executor.remove_node(node)


def spin_until_future_complete(
    node: Node, future: Future, executor: Executor | None = None, timeout_sec: float | None = None
) -> None:
    """Run the node's callbacks until `future` is done, at most `timeout_sec` s."""
    executor = executor or SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    try:
        executor.spin_until_future_complete(future, timeout_sec)
    finally:
        executor.remove_node(node)
