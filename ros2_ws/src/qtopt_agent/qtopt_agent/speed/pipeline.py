"""The ring of a distributed run as a queueing model: which stage is the slowest, before anybody rents machines."""

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import simpy

from qtopt_agent.core.errors import InvalidInput

FULL = 0.97
"""Share of its time from which on a stage counts as always busy: the last call of a simulation may be cut."""

EVENTS = 400
"""Calls to the trainers that are simulated after as many to fill the queues, so that a rate is known to a percent."""


@dataclass(frozen=True)
class Costs:
    """What the parts of a run cost, s: an episode of a simulated cell, drawing and labelling a transition, each on one
    core, and a gradient step of `batch` transitions on the trainer's device.

    transitions: of an episode. transition_bytes: of one, with both its pictures, on its way to an updater.
    """

    batch: int
    transitions: float
    episode_s: float
    draw_s: float
    label_s: float
    step_s: float
    transition_bytes: int


@dataclass(frozen=True)
class Layout:
    """How many of each there are. Robots are collectors that take `robot_s` an episode.

    batches_per_call, labelled_ahead, drawn_ahead, oldest_target: as in training.distributed.scale.
    episodes_per_1000_steps: that the trainer waits for; 0: it does not.
    """

    name: str
    collectors: int
    shards: int
    updaters: int
    trainers: int = 1
    robots: int = 0
    robot_s: float = 30.0
    batches_per_call: int = 10
    labelled_ahead: int = 2
    drawn_ahead: int = 2
    oldest_target: int = 200
    episodes_per_1000_steps: float = 0.0

    def __post_init__(self) -> None:
        """Raises InvalidInput on a layout that learns from nothing, or in which a stage is missing."""
        for name in (
            "shards",
            "updaters",
            "trainers",
            "batches_per_call",
            "labelled_ahead",
            "drawn_ahead",
            "oldest_target",
        ):
            if getattr(self, name) < 1:
                raise InvalidInput(f"{name} is {getattr(self, name)}, expected at least 1")
        if min(self.collectors, self.robots) < 0 or (
            self.episodes_per_1000_steps and not self.collectors + self.robots
        ):
            raise InvalidInput(
                f"{self.collectors} collectors and {self.robots} robots: expected at least one that collects"
            )


@dataclass(frozen=True)
class Flow:
    """What a layout comes to once its queues are full.

    busy: share of its time that a stage works, by name. bottleneck: the last of the ring that always does; where none
    does, what they wait for: episodes of the collectors, or that labels may be drawn (oldest_target). target_age:
    gradient steps from the targets to the step that is learned from them, mean. seen: times that a transition is
    learned from. network_mb_s: transitions on their way to updaters, MB/s.
    """

    steps_per_s: float
    episodes_per_s: float
    busy: dict[str, float]
    bottleneck: str
    target_age: float
    seen: float
    network_mb_s: float


_Process = Generator[simpy.Event, Any, None]


class _Ring:
    """The stages as processes of SimPy; time is in s."""

    def __init__(self, costs: Costs, layout: Layout) -> None:
        self.costs, self.layout, self.env = costs, layout, simpy.Environment()
        self.busy = dict.fromkeys(("shards", "updaters", "trainers"), 0.0)
        self.steps = self.calls = self.episodes = 0
        self.ages: list[int] = []
        self._shards = simpy.Resource(self.env, layout.shards)
        self._labelled = simpy.Store(self.env, layout.labelled_ahead * layout.trainers)
        # Nothing is drawn that would be too old by the time it is learned from.
        calls = max(1, layout.oldest_target // layout.batches_per_call)
        self._under_way = simpy.Container(self.env, calls, init=calls)
        self._arrived = self.env.event()
        for count, period in ((layout.collectors, costs.episode_s), (layout.robots, layout.robot_s)):
            for number in range(count):
                self.env.process(self._collect(period, period * (number + 1) / count))  # not all at once
        for _ in range(layout.updaters):
            drawn = simpy.Store(self.env, layout.drawn_ahead)
            self.env.process(self._draw(drawn))
            self.env.process(self._label(drawn))
        for _ in range(layout.trainers):
            self.env.process(self._train())

    def _work(self, stage: str, seconds: float) -> Any:
        self.busy[stage] += seconds
        return self.env.timeout(seconds)

    def _collect(self, period: float, first: float) -> _Process:
        yield self.env.timeout(first)
        while True:
            self.episodes += 1
            self._arrived.succeed()
            self._arrived = self.env.event()
            yield self.env.timeout(period)

    def _draw(self, drawn: Any) -> _Process:
        transitions = self.costs.batch * self.layout.batches_per_call
        while True:
            yield self._under_way.get(1)
            with self._shards.request() as turn:
                yield turn
                yield self._work("shards", self.costs.draw_s * transitions)
            yield drawn.put(None)

    def _label(self, drawn: Any) -> _Process:
        transitions = self.costs.batch * self.layout.batches_per_call
        while True:
            yield drawn.get()
            begun = self.steps
            yield self._work("updaters", self.costs.label_s * transitions)
            yield self._labelled.put(begun)

    def _train(self) -> _Process:
        while True:
            begun = yield self._labelled.get()
            for _ in range(self.layout.batches_per_call):
                while self.episodes < self.steps * self.layout.episodes_per_1000_steps / 1000:
                    yield self._arrived
                yield self._work("trainers", self.costs.step_s)
                self.ages.append(self.steps - begun)
                self.steps += 1
            yield self._under_way.put(1)
            self.calls += 1

    def until_calls(self, count: int) -> None:
        """Go on until the trainers have taken so many calls."""
        while self.calls < count:
            self.env.step()


def arriving(costs: Costs, layout: Layout) -> float:
    """Episodes a second: collectors and robots wait for nobody."""
    return layout.collectors / costs.episode_s + layout.robots / layout.robot_s


def simulate(costs: Costs, layout: Layout) -> Flow:
    """The steady state of `layout` where its parts cost `costs`; nothing in it is random."""
    ring, count = _Ring(costs, layout), max(EVENTS, 2 * layout.updaters)
    ring.until_calls(count)
    since, busy, steps = ring.env.now, dict(ring.busy), ring.steps
    ring.ages.clear()
    ring.until_calls(2 * count)
    elapsed = ring.env.now - since
    many = {"shards": layout.shards, "updaters": layout.updaters, "trainers": layout.trainers}
    shares = {stage: min(1.0, (ring.busy[stage] - busy[stage]) / elapsed / many[stage]) for stage in many}
    full = [stage for stage in ("trainers", "updaters", "shards") if shares[stage] > FULL]
    rate, episodes = (ring.steps - steps) / elapsed, arriving(costs, layout)
    return Flow(
        steps_per_s=rate,
        episodes_per_s=episodes,
        busy=shares,
        bottleneck=full[0] if full else "collectors" if layout.episodes_per_1000_steps else "oldest_target",
        target_age=sum(ring.ages) / len(ring.ages),
        seen=rate * costs.batch / (episodes * costs.transitions) if episodes else math.inf,
        network_mb_s=rate * costs.batch * costs.transition_bytes / 1e6,
    )


def best_layout(costs: Costs, cores: int, episodes_per_1000_steps: float) -> Layout:
    """How `cores` are shared best: one for the trainer, a quarter for each shard, the rest to collect and to update.

    Raises InvalidInput where there are less than three.
    """
    if cores < 3:
        raise InvalidInput(f"{cores} cores: expected at least 3, for a collector, an updater and a trainer")
    shards = max(1, cores // 16)
    others = max(2, cores - 1 - math.ceil(shards / 4)) if cores > 3 else 2

    def rate(updaters: int) -> float:
        learning = min(1 / costs.step_s, updaters / (costs.batch * costs.label_s))
        if not episodes_per_1000_steps:
            return learning
        return min(learning, 1000 / episodes_per_1000_steps * (others - updaters) / costs.episode_s)

    updaters = max(range(1, others), key=lambda count: (rate(count), -count))
    return Layout(
        f"{cores} cores", others - updaters, shards, updaters, episodes_per_1000_steps=episodes_per_1000_steps
    )
