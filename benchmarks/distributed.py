"""What a run on Ray costs and gains; each part is one command, on idle cores.

    python -m benchmarks.distributed success   # lowdim, 3 seeds, equal steps, with Ray and without: success, steps/s
    python -m benchmarks.distributed updaters  # labelled transitions/s with 1, 2 and 4 updaters, preset compact
    python -m benchmarks.distributed cost      # what Ray adds to each transition, microseconds
    python -m benchmarks.distributed shards    # 1,000,000 transitions through 4 shards: memory; are draws uniform?

Relative numbers are of one run. Needs requirements/ray.txt.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import chisquare
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from qtopt_agent.core.episode import Episode
from qtopt_agent.learning.preset import Preset, load_preset
from qtopt_agent.replay.spec import OFF_POLICY
from qtopt_agent.training.distributed.scale import Scale, cores
from qtopt_agent.training.distributed.session import LOCAL, ray_session
from qtopt_agent.training.initial import make_learner, store_spec
from qtopt_agent.training.worker import Order, Worker

CALL = Scale().batches_per_call


def success(steps: int, seeds: int) -> Table:
    """Runs of the command line, one after the other, with and without Ray by turns."""
    table = Table("seed", "--ray", "success, validation", "steps/s", title=f"lowdim, {steps} gradient steps")
    rates: dict[bool, list[float]] = {False: [], True: []}
    for seed in range(seeds):
        for on_ray in (False, True):
            with TemporaryDirectory() as folder:
                command = [sys.executable, "-m", "qtopt_agent.cli.main", "train", "--preset", "lowdim", "--out", folder]
                command += ["--steps", str(steps), "--seed", str(seed), "--actors", "1"]
                subprocess.run(command + (["--ray", LOCAL] if on_ray else []), check=True)
                lines = map(json.loads, (Path(folder) / "evaluations.jsonl").read_text().splitlines())
                found = [line for line in lines if line["objects"] == "validation"][-1]
                events = EventAccumulator(folder).Reload()
                rates[on_ray].append(float(np.mean([each.value for each in events.Scalars("speed/steps_per_s")])))
            table.add_row(
                str(seed), str(on_ray), f"{found['success']:.2f} of {found['of']}", f"{rates[on_ray][-1]:.1f}"
            )
    table.caption = f"steps/s with Ray over those without: {np.sum(rates[True]) / np.sum(rates[False]):.2f}"
    return table


def updaters(seconds: float, most: int) -> Table:
    """Labels alone, thrown away: what updaters give where neither trainer nor replay holds them up."""
    preset = load_preset("compact")
    table = Table("updaters", "transitions/s", "x", title="labelling, preset compact")
    first = 0.0
    for count in [n for n in (1, 2, 4) if n <= most]:
        scale = Scale(updaters=count)
        with ring(preset, scale) as (replay, calls, deaths):
            from qtopt_agent.training.distributed.labelling import Labelling

            fill(replay, calls, episodes_of(preset, 32), 4)
            labelling = Labelling(preset, scale, 0, replay, calls, deaths)
            labelling.use(0, make_learner(preset, 0)[0].labelling_state())
            rng = np.random.default_rng(0)

            def label_until(end: float, labelling=labelling, calls=calls, rng=rng) -> None:
                while time.monotonic() < end:
                    labelling.go_on(0, None, rng)
                    calls.wait(0.1)
                    while labelling.take(0) is not None:
                        pass

            while labelling.labelled < 2 * count * CALL * preset.optimizer.batch_size:  # all have started
                label_until(time.monotonic() + 0.1)
            before, start = labelling.labelled, time.monotonic()
            label_until(start + seconds)
            rate = (labelling.labelled - before) / (time.monotonic() - start)
        first = first or rate
        table.add_row(str(count), f"{rate:,.0f}", f"{rate / first:.2f}")
    return table


def cost(calls_each: int) -> Table:
    """Sample, label, learn: the same objects called directly, and as actors, by turns."""
    preset = load_preset("lowdim")
    size = CALL * preset.optimizer.batch_size
    with ring(preset, Scale()) as (replay, calls, _), TemporaryDirectory() as folder:
        from qtopt_agent.training.distributed.calls import answer
        from qtopt_agent.training.distributed.placement import start
        from qtopt_agent.training.distributed.shard import Shard
        from qtopt_agent.training.distributed.trainer import Trainer
        from qtopt_agent.training.distributed.updater import Updater

        episodes, state = episodes_of(preset, 64), make_learner(preset, 0)[0].labelling_state()
        fill(replay, calls, episodes, 1)
        shard, updater = Shard(Path(folder) / "replay", store_spec(preset, 50_000), True, False), Updater(preset, 0)
        shard.append(0, [OFF_POLICY] * len(episodes), episodes)
        trainer = Trainer(preset, Path(folder), 0, None, "cpu")
        actors = (
            start("updater", Updater, preset, 0),
            start("trainer", Trainer, preset, Path(folder), 0, None, "cpu"),
        )
        rng = np.random.default_rng(0)

        def direct() -> None:
            trainer.learn(updater.label(state, 1, shard.sample(size, None, 0, 1, False))[1])

        def on_ray() -> None:
            _, labelled = actors[0].label.options(num_returns=2).remote(state, 1, *replay.draw(size, None, rng))
            answer(actors[1].learn.remote(labelled))

        taken = {direct: 0.0, on_ray: 0.0}
        for turn in range(calls_each + 1):
            for way in taken:
                begin = time.perf_counter()
                way()
                taken[way] += (time.perf_counter() - begin) if turn else 0.0  # the first starts the actors
    each = {way: seconds / calls_each / size * 1e6 for way, seconds in taken.items()}
    table = Table("way", "us a transition", title=f"sample, label, learn; {CALL} batches of {size // CALL}, lowdim")
    table.add_row("called directly", f"{each[direct]:.1f}")
    table.add_row("actors, one call at a time", f"{each[on_ray]:.1f}")
    table.caption = f"Ray adds {each[on_ray] - each[direct]:.1f} us to each transition"
    return table


def shards(transitions: int, count: int) -> Table:
    """Simulated episodes, given again and again, into full-sized shards; then draws."""
    preset = load_preset("lowdim").changed(capacity=int(transitions * 1.3))
    table = Table("transitions", "memory of shards, MB", "of all here, MB", title=f"{count} shards")
    with ring(preset, Scale(shards=count)) as (replay, calls, deaths):
        episodes, begin = episodes_of(preset, 64), time.monotonic()
        while (held := replay.transitions()) < transitions:
            fill(replay, calls, episodes, 20)
            names = [name for name in deaths.processes if name.startswith("shard")]
            memory = [resident(deaths.processes[name]) for name in names]
            if (replay.transitions() * 10) // transitions > (held * 10) // transitions:
                table.add_row(f"{replay.transitions():,}", f"{max(memory):.0f} each at most", f"{resident('self'):.0f}")
        rng, drawn, there = np.random.default_rng(0), np.zeros(count), np.zeros(count)
        from qtopt_agent.training.distributed.draws import draws

        counts = replay.counts()
        for _ in range(1_000):
            for draw in draws(1_000, counts, None, rng):
                drawn[draw.shard] += draw.size
        there = counts.sum(1)
        p = chisquare(drawn, drawn.sum() * there / there.sum()).pvalue
    table.caption = (
        f"{time.monotonic() - begin:.0f} s; shards hold {there.tolist()}; chi-square of 1,000,000 draws: p = {p:.3f}"
    )
    return table


@contextmanager
def ring(preset: Preset, scale: Scale) -> Iterator:
    """Ray, and the replay of a run in a folder for the time being."""
    with ray_session(LOCAL, cores(1, scale)), TemporaryDirectory() as folder:
        from qtopt_agent.training.distributed.calls import Calls
        from qtopt_agent.training.distributed.deaths import Deaths
        from qtopt_agent.training.distributed.replay import Replay, shard_folders, shard_specs

        calls, deaths = Calls(), Deaths(partial(print, file=sys.stderr))
        folders = shard_folders(Path(folder), scale.shards)
        yield Replay(preset, folders, shard_specs(preset, folders, False), False, calls, deaths), calls, deaths


def episodes_of(preset: Preset, count: int) -> list[Episode]:
    """So many scripted ones."""
    worker, episodes = Worker(preset, 16), list[Episode]()
    orders = iter(range(count))
    while len(episodes) < count:
        while not worker.full and (number := next(orders, None)) is not None:
            worker.begin(number, Order("train", number))
        episodes += [episode for _, episode in worker.step()]
    return episodes


def fill(replay, calls, episodes: list[Episode], times: int) -> None:
    """Add all `episodes` so many times, and wait until they are there."""
    import ray

    given = ray.put(episodes)
    for _ in range(times):
        replay.add([OFF_POLICY] * len(episodes), given)
    while replay.waiting:
        calls.wait(1.0)


def resident(process: int | str) -> float:
    """Memory of a process, MB; files that it has mapped included."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * 4096 / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    parts.add_parser("success").set_defaults(run=lambda a: success(a.steps, a.seeds))
    parts.choices["success"].add_argument("--steps", type=int, default=6_000)
    parts.choices["success"].add_argument("--seeds", type=int, default=3)
    parts.add_parser("updaters").set_defaults(run=lambda a: updaters(a.seconds, a.most))
    parts.choices["updaters"].add_argument("--seconds", type=float, default=60.0)
    parts.choices["updaters"].add_argument("--most", type=int, default=4)
    parts.add_parser("cost").set_defaults(run=lambda a: cost(a.calls))
    parts.choices["cost"].add_argument("--calls", type=int, default=50)
    parts.add_parser("shards").set_defaults(run=lambda a: shards(a.transitions, a.shards))
    parts.choices["shards"].add_argument("--transitions", type=int, default=1_000_000)
    parts.choices["shards"].add_argument("--shards", type=int, default=4)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    Console().print(chosen.run(chosen))


if __name__ == "__main__":
    main()
