"""Where actors run: what each kind asks Ray for."""

from typing import Any

import ray

from qtopt_agent.training.distributed.scale import CPUS

RESTARTS = 100  # of each actor in a run; one that has died so often will not live


def start(kind: str, maker: type, *arguments: Any, gpus: int = 0) -> Any:
    """A handle of a new actor, `maker(*arguments)`.

    Ray starts it anew where it dies, and repeats the calls that it has not answered.
    """
    needs = {"num_cpus": CPUS[kind], "num_gpus": gpus}
    return ray.remote(maker).options(**needs, max_restarts=RESTARTS, max_task_retries=-1).remote(*arguments)
