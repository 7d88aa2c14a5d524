"""Notices that an actor has died and was started again."""

from collections.abc import Callable


class Deaths:
    """Compares the process that answers for an actor with the one that did before.

    processes: ids of those that answered last, by the actor's name.
    """

    def __init__(self, tell: Callable[[str], object]) -> None:
        self.count = 0
        self.processes: dict[str, int] = {}
        self._tell = tell

    def heard(self, name: str, process: int) -> bool:
        """`process` answers for the actor called `name`; returns whether another did before, and tells so."""
        before = self.processes.setdefault(name, process)
        if before == process:
            return False
        self.processes[name] = process
        self.count += 1
        self._tell(f"{name} died (process {before}) and goes on as process {process}")
        return True
