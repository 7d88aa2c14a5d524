"""Carries runs out in processes of their own: those done before are left alone, Ctrl-C loses only what is under way."""

import json
import os
import sys
import time
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from benchmarks.algorithms.runs import Job, run
from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.processes.interrupts import ctrl_c_held, first_interrupt
from qtopt_agent.processes.memory import keep_freed_memory

POLL = 0.2  # s


def run_all(jobs: Sequence[Job], folder: Path, workers: int) -> tuple[list[Job], bool]:
    """Run those of `jobs` that `folder` has no result of, the costly ones first, `workers` at a time.

    Returns the jobs that failed, with their messages on stderr, and whether Ctrl-C ended it. Raises InvalidInput where
    `folder` has a result of the same name and another budget.
    """
    folder.mkdir(parents=True, exist_ok=True)
    waiting = sorted((job for job in jobs if not _is_done(job, folder)), key=lambda job: job.cost)
    done_before = len(jobs) - len(waiting)
    total = sum(job.cost for job in waiting)
    running: dict[BaseProcess, tuple[Job, Synchronized]] = {}  # type: ignore[type-arg]
    failed: list[Job] = []
    finished, cost_done = done_before, 0.0
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with (
        first_interrupt() as interrupted,
        Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), speed_estimate_period=600) as bar,
    ):
        task = bar.add_task("", total=total)
        while (waiting or running) and not interrupted:
            while waiting and len(running) < workers:
                process, share = _start(job := waiting.pop(), folder)
                running[process] = (job, share)
            time.sleep(POLL)
            for process in [p for p in running if not p.is_alive()]:
                job, _ = running.pop(process)
                cost_done += job.cost
                finished += 1
                if process.exitcode:
                    failed.append(job)
                    print(f"{job.name} failed with exit code {process.exitcode}", file=sys.stderr)
            partly = sum(job.cost * share.value for job, share in running.values())
            names = ", ".join(job.name for job, _ in running.values())
            bar.update(task, completed=cost_done + partly, description=f"{finished} of {len(jobs)} runs; now {names}")
        for process in running:
            process.terminate()
            process.join()
    return failed, bool(interrupted)


def _is_done(job: Job, folder: Path) -> bool:
    path = folder / f"{job.name}.json"
    if not path.exists():
        return False
    held = json.loads(path.read_text())["job"]
    if Job(**held) != job:
        raise InvalidInput(f"{path} is a run of {held}, expected {job}: choose another --out, or remove it")
    return True


def _start(job: Job, folder: Path) -> tuple[BaseProcess, Synchronized]:  # type: ignore[type-arg]
    context = get_context("spawn")
    share = context.Value("d", 0.0)
    process = context.Process(target=_work, args=(job, folder, share), daemon=True, name=job.name)
    with ctrl_c_held():
        process.start()
    return process, share


def _work(job: Job, folder: Path, share: Synchronized) -> None:  # type: ignore[type-arg]
    torch.set_num_threads(1)
    keep_freed_memory()

    def report(done: float) -> None:
        share.value = done

    result = run(job, report)
    temporary = folder / f"{job.name}.tmp"
    temporary.write_text(json.dumps(result, indent=1) + "\n")
    os.replace(temporary, folder / f"{job.name}.json")
