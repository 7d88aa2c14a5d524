"""Nodes."""

from collections.abc import Callable
from typing import Any

from rosgraph_msgs.msg import Clock as ClockMessage

from qtopt_agent.standalone import names
from qtopt_agent.standalone.graph import Endpoint

from .callback_groups import CallbackGroup, MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from .client import Client
from .clock import Clock, ROSClock
from .context import Context, get_default_context
from .exceptions import InvalidNodeNameException, InvalidServiceNameException, InvalidTopicNameException
from .guard_condition import GuardCondition
from .logging import RcutilsLogger
from .parameter import Parameter
from .parameter_service import ParameterService
from .parameters import Parameters
from .publisher import Publisher
from .qos import QoSProfile, qos_of, qos_profile_sensor_data, qos_profile_services_default
from .service import Reply, Service, answer
from .subscription import Subscription
from .timer import Timer

_CLOCK_QOS = QoSProfile(depth=1, reliability=qos_profile_sensor_data.reliability)


class Node(Parameters):
    """A named member of the graph, with publishers, subscriptions, services, clients, timers and parameters."""

    def __init__(
        self,
        node_name: str,
        *,
        context: Context | None = None,
        namespace: str = "",
        parameter_overrides: list[Parameter] | None = None,
        automatically_declare_parameters_from_overrides: bool = False,
        start_parameter_services: bool = True,
    ) -> None:
        self._context = context or get_default_context()
        self._participant = self._context.participant
        arguments = self._context.arguments
        try:
            self._name = names.check_node_name(arguments.renamed(node_name, "__node", node_name))
        except ValueError as error:
            raise InvalidNodeNameException(str(error)) from None
        self._namespace = names.absolute(arguments.renamed(node_name, "__ns", namespace))
        self._remaps = arguments.remaps
        self._entities: list[Any] = []
        self._timers: list[Timer] = []
        self._endpoints: list[Any] = []
        self._executor: Any = None
        self._logger = RcutilsLogger(self.get_fully_qualified_name().strip("/").replace("/", "."))
        self._clock = ROSClock()
        self.default_callback_group: CallbackGroup = MutuallyExclusiveCallbackGroup()
        overrides = arguments.parameters(self.get_fully_qualified_name())
        Parameters.__init__(self, overrides | {given.name: given.value for given in parameter_overrides or []})
        self._context.graph.add_node(self._name, self._namespace)
        if automatically_declare_parameters_from_overrides:
            for name, value in overrides.items():
                self.declare_parameter(name, value)
        if not self.has_parameter("use_sim_time"):
            self.declare_parameter("use_sim_time", False)
        self._clock_subscription: Subscription | None = None
        self._follow_clock()
        self.add_post_set_parameters_callback(lambda _: self._follow_clock())
        if start_parameter_services:
            ParameterService(self)

    def get_name(self) -> str:
        """Its name without the namespace."""
        return self._name

    def get_namespace(self) -> str:
        """Its namespace, which begins with a slash."""
        return self._namespace

    def get_fully_qualified_name(self) -> str:
        """Namespace and name."""
        return f"{self._namespace.rstrip('/')}/{self._name}"

    def get_logger(self) -> RcutilsLogger:
        """The logger of its name."""
        return self._logger

    def get_clock(self) -> Clock:
        """ROS time: /clock if `use_sim_time` is set, else the system's."""
        return self._clock

    @property
    def context(self) -> Context:
        """The context it lives in."""
        return self._context

    @property
    def executor(self) -> Any:
        """The executor that serves it, or None."""
        return self._executor

    def resolve_topic_name(self, topic: str) -> str:
        """The full name, after remaps. Raises InvalidTopicNameException."""
        try:
            return names.resolve(topic, self._name, self._namespace, self._remaps)
        except ValueError as error:
            raise InvalidTopicNameException(str(error)) from None

    def resolve_service_name(self, service: str) -> str:
        """The full name, after remaps. Raises InvalidServiceNameException."""
        try:
            return names.resolve(service, self._name, self._namespace, self._remaps)
        except ValueError as error:
            raise InvalidServiceNameException(str(error)) from None

    def create_publisher(
        self, msg_type: Any, topic: str, qos_profile: QoSProfile | int, *, publisher_class: type[Publisher] = Publisher
    ) -> Publisher:
        """A publisher of `msg_type` on `topic`."""
        publisher = publisher_class(self._context, msg_type, self.resolve_topic_name(topic), qos_of(qos_profile))
        self._announce(publisher._endpoint)
        return publisher

    def create_subscription(
        self,
        msg_type: Any,
        topic: str,
        callback: Callable[[Any], Any],
        qos_profile: QoSProfile | int,
        *,
        callback_group: CallbackGroup | None = None,
        raw: bool = False,
    ) -> Subscription:
        """`callback(message)` for messages on `topic`, or `callback(cdr_bytes)` where `raw`."""
        name, group = self.resolve_topic_name(topic), callback_group or self.default_callback_group
        subscription = Subscription(self._context, msg_type, name, callback, qos_of(qos_profile), group, raw)
        self._announce(subscription._endpoint)
        return self._serve(subscription)

    def create_service(
        self,
        srv_type: Any,
        srv_name: str,
        callback: Callable[[Any, Any], Any],
        *,
        qos_profile: QoSProfile = qos_profile_services_default,
        callback_group: CallbackGroup | None = None,
    ) -> Service:
        """`callback(request, response)` returns the response."""
        return self._create_service(srv_type, srv_name, answer(callback, srv_type), qos_profile, callback_group)

    def create_client(
        self,
        srv_type: Any,
        srv_name: str,
        *,
        qos_profile: QoSProfile = qos_profile_services_default,
        callback_group: CallbackGroup | None = None,
    ) -> Client:
        """A client of the service `srv_name`."""
        name, group = self.resolve_service_name(srv_name), callback_group or self.default_callback_group
        client = Client(self._context, srv_type, name, qos_profile, group)
        self._announce(client._requests, client._replies)
        return self._serve(client)

    def create_timer(
        self,
        timer_period_sec: float,
        callback: Callable[[], Any],
        callback_group: CallbackGroup | None = None,
        clock: Clock | None = None,
        autostart: bool = True,
    ) -> Timer:
        """`callback()` every `timer_period_sec` s of `clock` (the node's own unless given)."""
        group = callback_group or self.default_callback_group
        timer = Timer(callback, group, int(timer_period_sec * 1e9), clock or self._clock, autostart)
        self._timers.append(timer)
        return self._serve(timer)

    def create_guard_condition(
        self, callback: Callable[[], Any], callback_group: CallbackGroup | None = None
    ) -> GuardCondition:
        """`callback()` in the executor whenever its `trigger()` is called, from any thread."""
        return self._serve(GuardCondition(self._context, callback, callback_group or self.default_callback_group))

    def destroy_publisher(self, publisher: Publisher) -> bool:
        """Withdraw a publisher."""
        return self._withdraw(publisher._endpoint)

    def destroy_subscription(self, subscription: Subscription) -> bool:
        """Withdraw a subscription."""
        return self._drop(subscription, subscription._endpoint)

    def destroy_service(self, service: Service) -> bool:
        """Withdraw a service."""
        return self._drop(service, service._requests, service._replies)

    def destroy_client(self, client: Client) -> bool:
        """Withdraw a client."""
        return self._drop(client, client._requests, client._replies)

    def destroy_timer(self, timer: Timer) -> bool:
        """Remove a timer."""
        if timer in self._timers:
            self._timers.remove(timer)
        return self._drop(timer)

    def destroy_node(self) -> None:
        """Leave the graph."""
        if self._executor:
            self._executor.remove_node(self)
        self._entities, self._timers = [], []
        if self._context.ok():
            for endpoint in list(self._endpoints):
                self._withdraw(endpoint)
            self._context.graph.remove_node(self._name, self._namespace)

    def count_publishers(self, topic_name: str) -> int:
        """Number of publishers anywhere in the graph."""
        return len(self.get_publishers_info_by_topic(topic_name))

    def count_subscribers(self, topic_name: str) -> int:
        """Number of subscriptions anywhere in the graph."""
        return len(self.get_subscriptions_info_by_topic(topic_name))

    def get_publishers_info_by_topic(self, topic_name: str) -> list[Endpoint]:
        """Node, type and gid of each publisher."""
        return self._context.graph.publishers(self.resolve_topic_name(topic_name))

    def get_subscriptions_info_by_topic(self, topic_name: str) -> list[Endpoint]:
        """Node, type and gid of each subscription."""
        return self._context.graph.subscriptions(self.resolve_topic_name(topic_name))

    def get_node_names_and_namespaces(self) -> list[tuple[str, str]]:
        """Every node in the graph."""
        return self._context.graph.nodes()

    def get_node_names(self) -> list[str]:
        """Names of every node in the graph."""
        return [name for name, _ in self._context.graph.nodes()]

    def get_topic_names_and_types(self) -> list[tuple[str, list[str]]]:
        """Every topic in the graph."""
        return self._context.graph.topics()

    def _create_service(
        self,
        srv_type: Any,
        srv_name: str,
        on_request: Callable[[Any, Reply], Any],
        qos_profile: QoSProfile,
        callback_group: CallbackGroup | None,
    ) -> Service:
        name, group = self.resolve_service_name(srv_name), callback_group or self.default_callback_group
        service = Service(self._context, srv_type, name, on_request, qos_profile, group)
        self._announce(service._requests, service._replies)
        return self._serve(service)

    def _set_executor(self, executor: Any) -> None:
        if self._executor and executor:
            self._executor.remove_node(self)
        self._executor = executor

    def _announce(self, *endpoints: Any) -> None:
        self._endpoints.extend(endpoints)
        self._context.graph.add(self._name, self._namespace, *endpoints)

    def _serve(self, entity: Any) -> Any:
        self._entities = [*self._entities, entity]
        self._context.wake()
        return entity

    def _drop(self, entity: Any, *endpoints: Any) -> bool:
        known = entity in self._entities
        self._entities = [kept for kept in self._entities if kept is not entity]
        return all([self._withdraw(endpoint) for endpoint in endpoints]) and known

    def _withdraw(self, endpoint: Any) -> bool:
        known = any(kept is endpoint for kept in self._endpoints)
        self._endpoints = [kept for kept in self._endpoints if kept is not endpoint]
        if known and self._context.ok():
            self._context.graph.remove(self._name, self._namespace, endpoint)
            self._participant.remove(endpoint)
        return known

    def _follow_clock(self) -> None:
        simulated = self.get_parameter("use_sim_time").value
        if simulated and self._clock_subscription is None:
            self._clock._override(0)
            self._clock_subscription = self.create_subscription(
                ClockMessage, "/clock", self._on_clock, _CLOCK_QOS, callback_group=ReentrantCallbackGroup()
            )
        elif not simulated and self._clock_subscription:
            self.destroy_subscription(self._clock_subscription)
            self._clock_subscription = None
            self._clock._override(None)

    def _on_clock(self, message: Any) -> None:
        self._clock._override(message.clock.sec * 10**9 + message.clock.nanosec)
        self._context.wake()
