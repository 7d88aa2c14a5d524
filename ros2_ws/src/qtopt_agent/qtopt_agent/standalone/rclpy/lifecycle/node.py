"""Managed nodes."""

import time
import traceback
from enum import Enum
from typing import Any, NamedTuple

from lifecycle_msgs.msg import State, TransitionDescription, TransitionEvent
from lifecycle_msgs.msg import Transition as TransitionMessage
from lifecycle_msgs.srv import ChangeState, GetAvailableStates, GetAvailableTransitions, GetState

from ..node import Node
from . import states
from .publisher import LifecyclePublisher


class TransitionCallbackReturn(Enum):
    """How a transition went."""

    SUCCESS = 97
    FAILURE = 98
    ERROR = 99


class LifecycleState(NamedTuple):
    """A state by name and number."""

    label: str
    state_id: int


class LifecycleNode(Node):
    """A node whose transitions others ask for, through `on_configure` and its like; the defaults serve publishers."""

    def __init__(self, node_name: str, **kwargs: Any) -> None:
        self._state = states.UNCONFIGURED
        self._managed: list[LifecyclePublisher] = []
        super().__init__(node_name, **kwargs)
        self._events = self.create_publisher(TransitionEvent, "~/transition_event", 10)
        for kind, name, callback in (
            (ChangeState, "change_state", self._on_change_state),
            (GetState, "get_state", self._on_get_state),
            (GetAvailableStates, "get_available_states", self._on_get_states),
            (GetAvailableTransitions, "get_available_transitions", self._on_get_transitions),
            (GetAvailableTransitions, "get_transition_graph", self._on_get_graph),
        ):
            self.create_service(kind, f"~/{name}", callback)

    def create_lifecycle_publisher(self, msg_type: Any, topic: str, qos_profile: Any) -> LifecyclePublisher:
        """A publisher that is silent unless the node is active."""
        publisher = self.create_publisher(msg_type, topic, qos_profile, publisher_class=LifecyclePublisher)
        assert isinstance(publisher, LifecyclePublisher)
        self._managed.append(publisher)
        return publisher

    def destroy_lifecycle_publisher(self, publisher: LifecyclePublisher) -> bool:
        """Withdraw such a publisher."""
        self._managed.remove(publisher)
        return self.destroy_publisher(publisher)

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Unconfigured to inactive."""
        return TransitionCallbackReturn.SUCCESS

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Inactive to unconfigured."""
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Any state to finalized."""
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Inactive to active: opens the publishers."""
        return self._open(True)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Active to inactive: closes the publishers."""
        return self._open(False)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """After an error. Unless overridden, the node is finalized."""
        return TransitionCallbackReturn.FAILURE

    def trigger_configure(self) -> TransitionCallbackReturn:
        """Ask for the transition from within."""
        return self._trigger("configure")

    def trigger_cleanup(self) -> TransitionCallbackReturn:
        """Ask for the transition from within."""
        return self._trigger("cleanup")

    def trigger_activate(self) -> TransitionCallbackReturn:
        """Ask for the transition from within."""
        return self._trigger("activate")

    def trigger_deactivate(self) -> TransitionCallbackReturn:
        """Ask for the transition from within."""
        return self._trigger("deactivate")

    def trigger_shutdown(self) -> TransitionCallbackReturn:
        """Ask for the transition from within."""
        return self._trigger("shutdown")

    def _open(self, active: bool) -> TransitionCallbackReturn:
        for publisher in self._managed:
            publisher.is_activated = active
        return TransitionCallbackReturn.SUCCESS

    def _trigger(self, wanted: int | str) -> TransitionCallbackReturn:
        edge = next((t for t in states.REQUESTS if t.start == self._state and wanted in (t.id, t.label)), None)
        if edge is None:
            raise RuntimeError(f"Transition is not registered: {wanted} in state {states.LABELS[self._state]}")
        before = LifecycleState(states.LABELS[self._state], self._state)
        callbacks = {
            states.CONFIGURING: self.on_configure,
            states.CLEANINGUP: self.on_cleanup,
            states.SHUTTINGDOWN: self.on_shutdown,
            states.ACTIVATING: self.on_activate,
            states.DEACTIVATING: self.on_deactivate,
            states.ERRORPROCESSING: self.on_error,
        }
        self._follow(edge)
        result = outcome = self._attempt(callbacks[self._state], before)
        self._end(outcome)
        if self._state == states.ERRORPROCESSING:
            outcome = self._attempt(callbacks[self._state], before)
            self._end(outcome)
        return result

    def _attempt(self, callback: Any, before: LifecycleState) -> TransitionCallbackReturn:
        try:
            result = callback(before)
        except Exception:
            self._logger.error(f"{callback.__name__} failed:\n{traceback.format_exc()}")
            return TransitionCallbackReturn.ERROR
        if not isinstance(result, TransitionCallbackReturn):
            self._logger.error(f"{callback.__name__} returned {result!r}, expected a TransitionCallbackReturn")
            return TransitionCallbackReturn.ERROR
        return result

    def _end(self, outcome: TransitionCallbackReturn) -> None:
        label = f"transition_{outcome.name.lower()}"
        self._follow(next(t for t in states.TRANSITIONS if t.start == self._state and t.label == label))

    def _follow(self, edge: states.Transition) -> None:
        self._state = edge.goal
        event = TransitionEvent(timestamp=time.time_ns(), transition=TransitionMessage(id=edge.id, label=edge.label))
        event.start_state, event.goal_state = _state(edge.start), _state(edge.goal)
        self._events.publish(event)

    def _on_change_state(self, request: Any, response: Any) -> Any:
        try:
            outcome = self._trigger(request.transition.label or request.transition.id)
            response.success = outcome == TransitionCallbackReturn.SUCCESS
        except RuntimeError as error:
            self._logger.error(str(error))
        return response

    def _on_get_state(self, request: Any, response: Any) -> Any:
        response.current_state = _state(self._state)
        return response

    def _on_get_states(self, request: Any, response: Any) -> Any:
        response.available_states = [_state(number) for number in states.LABELS]
        return response

    def _on_get_transitions(self, request: Any, response: Any) -> Any:
        response.available_transitions = [_described(t) for t in states.TRANSITIONS if t.start == self._state]
        return response

    def _on_get_graph(self, request: Any, response: Any) -> Any:
        response.available_transitions = [_described(transition) for transition in states.TRANSITIONS]
        return response


def _state(number: int) -> Any:
    return State(id=number, label=states.LABELS[number])


def _described(edge: states.Transition) -> Any:
    description = TransitionDescription(start_state=_state(edge.start), goal_state=_state(edge.goal))
    description.transition = TransitionMessage(id=edge.id, label=edge.label)
    return description
