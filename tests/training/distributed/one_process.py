"""Ray's place taken by calls in this process: what the ring does there, it does on Ray, only sooner."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

OURS = "qtopt_agent.training.distributed."


class Ref:
    """An answer that is there already, or the error in its place."""

    def __init__(self, value: Any = None, error: Exception | None = None) -> None:
        self.value, self.error = value, error

    def get(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


class Method:
    def __init__(self, call: Callable[..., Any], returns: int = 1) -> None:
        self._call, self._returns = call, returns

    def options(self, num_returns: int) -> "Method":
        return Method(self._call, num_returns)

    def remote(self, *arguments: Any) -> Any:
        try:
            value = self._call(*(each.get() if isinstance(each, Ref) else each for each in arguments))
        except Exception as error:
            failed = RayTaskError(error)
            return Ref(error=failed) if self._returns == 1 else [Ref(error=failed) for _ in range(self._returns)]
        return Ref(value) if self._returns == 1 else [Ref(each) for each in value]


class Actor:
    def __init__(self, held: Any) -> None:
        self._held = held

    def __getattr__(self, name: str) -> Method:
        return Method(getattr(self._held, name))


class Maker:
    def __init__(self, kind: type) -> None:
        self._kind = kind

    def options(self, **_: Any) -> "Maker":
        return self

    def remote(self, *arguments: Any) -> Actor:
        return Actor(self._kind(*arguments))


class RayError(Exception):
    pass


class RayTaskError(RayError):
    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class RayActorError(RayError):
    pass


@contextmanager
def instead_of_ray() -> Iterator[type]:
    """`RayTraining`, with the actors in this process; what was imported for it is forgotten afterwards."""
    ray, exceptions = ModuleType("ray"), ModuleType("ray.exceptions")
    exceptions.__dict__.update(RayError=RayError, RayTaskError=RayTaskError, RayActorError=RayActorError)
    ray.__dict__.update(
        exceptions=exceptions,
        remote=Maker,
        get=Ref.get,
        wait=lambda refs, num_returns=1, timeout=None: (list(refs[:num_returns]), list(refs[num_returns:])),
    )
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "ray" or OURS in name}
    for name in before:
        del sys.modules[name]
    sys.modules |= {"ray": ray, "ray.exceptions": exceptions}
    try:
        from qtopt_agent.training.distributed.run import RayTraining

        yield RayTraining
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "ray" or OURS in name]:
            del sys.modules[name]
        sys.modules |= before
