"""Every preset, and Stable-Baselines3's DDPG, TD3 and SAC, on Pendulum, on a task with two modes and on grasping.

python -m benchmarks.algorithms             runs what is not done yet; Ctrl-C loses what is under way, no more
python -m benchmarks.algorithms --report    writes the tables in docs/algorithms and the pictures in docs/curves

With --studies instead: single settings of one preset, each beside the preset as it is.
"""

import argparse
import importlib.util
import json
import re
import sys
from itertools import product
from pathlib import Path

from benchmarks.algorithms import results, studies
from benchmarks.algorithms.runs import BASELINE, Job
from benchmarks.algorithms.schedule import run_all
from benchmarks.algorithms.tables import tables
from benchmarks.algorithms.tasks import TASKS
from qtopt_agent.core.errors import QtoptError
from qtopt_agent.learning.preset import preset_names
from qtopt_agent.processes.cores import usable_cores

BASELINES = ("sb3-ddpg", "sb3-td3", "sb3-sac")


def main() -> int:
    """Read the command line, run, print. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.algorithms",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--studies", action="store_true", help="studies of single settings instead, in runs/studies")
    add("--out", type=Path, help="folder with one JSON file a run (default: runs/algorithms)")
    add("--only", default="", help="regular expression that a run's name, TASK-ALGORITHM-SEED, has to match somewhere")
    add("--seeds", type=int, default=3, help="runs of each algorithm on each task")
    add("--share", type=float, default=1.0, help="of environment steps and measured episodes, 0..1: for trying it out")
    add("--objects", help="what grasping is measured on at the end (default: held-out; studies and curves: validation)")
    add("--workers", type=int, default=usable_cores(), help="processes, of one thread each")
    add("--json", type=Path, help="write a summary of all finished runs to this file")
    add("--report", action="store_true", help="run nothing; write the documentation's tables and pictures")
    arguments = parser.parse_args()
    out = arguments.out or Path("runs/studies" if arguments.studies else "runs/algorithms")
    if arguments.report:
        from benchmarks.algorithms import report  # matplotlib may not be installed

        (report.write_studies if arguments.studies else report.write)(results.read(out))
        return 0
    if arguments.studies:
        jobs = list(studies.jobs(arguments.seeds, arguments.share, arguments.objects or "validation"))
    else:
        names = [*preset_names(), *BASELINES]
        jobs = [
            Job(task, algorithm, seed, arguments.share, arguments.objects or "held-out")
            for seed, task, algorithm in product(range(arguments.seeds), TASKS, names)
        ]
    jobs = [job for job in jobs if re.search(arguments.only, job.name)]
    if importlib.util.find_spec("stable_baselines3") is None:
        left_out = [job for job in jobs if job.algorithm.startswith(BASELINE)]
        jobs = [job for job in jobs if job not in left_out]
        print(f"STABLE-BASELINES3 IS NOT INSTALLED: its {len(left_out)} runs are left out", file=sys.stderr)
    failed, interrupted = run_all(jobs, out, arguments.workers)
    entries = results.read(out)
    print(tables(entries))
    if arguments.json:
        arguments.json.write_text(json.dumps(results.summary(entries), indent=1) + "\n")
    return 130 if interrupted else 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except QtoptError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
