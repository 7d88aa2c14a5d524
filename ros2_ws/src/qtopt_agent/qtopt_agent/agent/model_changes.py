"""How a running agent comes to another model: tried first, checked, and never at the cost of the one it has."""

import threading
from collections.abc import Callable
from pathlib import Path

from qtopt_agent.agent.agent_core import AgentCore, Decider
from qtopt_agent.cells.agreement import disagreements
from qtopt_agent.core.cell import Cell
from qtopt_agent.core.errors import IncompatibleModel
from qtopt_agent.core.profile import Profile
from qtopt_agent.models.current import read_current
from qtopt_agent.models.folder import profile_of
from qtopt_agent.models.manifest import Manifest
from qtopt_agent.models.signatures import TrustedKeys
from qtopt_agent.models.store import list_models, model_in
from qtopt_agent.models.trial import Trial, TrialAbandoned


class ModelChanges:
    """Its methods may be called from any thread, but not from the one that decides: a trial takes seconds.

    trusted: public keys, one of which must have signed a model; None for any model. cell: the arm's, that a model's has
    to agree with; what is a little off is said by `say`.
    """

    def __init__(
        self,
        core: AgentCore,
        trusted: TrustedKeys | None = None,
        trial: Trial | None = None,
        cell: Cell | None = None,
        say: Callable[[str], object] = lambda text: None,
    ) -> None:
        self._core, self._trusted, self._trial, self._cell, self._say = core, trusted, trial or Trial(), cell, say
        self._tried: set[tuple[Path, int]] = set()
        self._chosen: Path | None = None
        self._ended = threading.Event()
        self._one_at_a_time = threading.Lock()

    def load(self, folder: Path) -> Manifest:
        """Decide with the model in `folder`, or the newest of a store. Where one decides already, it is tried first.

        Raises IncompatibleModel, InvalidInput or TrialAbandoned, and the old one goes on.
        """
        with self._one_at_a_time:
            version = model_in(folder, self._cell)
            self._try(version)
            return self._core.load_model(version, self._trusted)

    def prepared(self, folder: Path, in_force: bool) -> Decider:
        """What decides with the model in `folder`, checked and tried as by `load`, whose errors it raises.

        in_force: it is, and an agent begins with such a model untried.
        """
        with self._one_at_a_time:
            self._try(folder, in_force)
            return self._core.prepared(folder, self._trusted)

    def _try(self, version: Path, in_force: bool = False) -> None:
        if self._cell is not None:
            self._check(profile_of(version), self._cell)
        if self._core.model_version and not in_force:
            self._trial.run(version, self._core.profile, self._trusted, self._ended.is_set)

    def _check(self, profile: Profile, arm: Cell) -> None:
        found = disagreements(profile.cell, arm, profile.has_camera)
        if refused := [each.text for each in found if each.refused]:
            raise IncompatibleModel(f"the model is for another cell: {'; '.join(refused)}")
        for each in found:
            self._say(f"the model is for a slightly different cell: {each.text}")

    def look(self, store: Path) -> Manifest | None:
        """Decide with the model in force in `store`, if that is another one, or the newest where none was promoted.

        Each is tried once, unless it or the choice changes. Of newer ones, those for other cells than the arm's are
        passed over. Raises as `load` does, also for one that cannot be read.
        """
        listed = list_models(store)
        for each in listed:
            if each.manifest is None and self._first_time(each.folder):
                raise IncompatibleModel(each.reason)
        current = read_current(store)
        fitting = [
            each
            for each in listed
            if (each.works_in(self._cell) if current is None else each.folder.name == current.version)
        ]
        chosen = fitting[-1] if fitting else None
        if chosen is None or chosen.manifest is None:
            return None
        if chosen.folder != self._chosen:  # once more, where the store goes back to it
            self._tried = {tried for tried in self._tried if tried[0] != chosen.folder}
            self._chosen = chosen.folder
        if chosen.manifest["version"] == self._core.model_version:
            return None
        try:
            return self.load(chosen.folder) if self._first_time(chosen.folder) else None
        except TrialAbandoned:
            return None

    def end(self) -> None:
        """Give up a trial that is under way, and every later one."""
        self._ended.set()

    def _first_time(self, folder: Path) -> bool:
        """Whether `folder` was not tried as it is now: a signature or an evaluation may come later."""
        try:
            now = folder, folder.stat().st_mtime_ns
        except OSError:
            return False
        new = now not in self._tried
        self._tried.add(now)
        return new
