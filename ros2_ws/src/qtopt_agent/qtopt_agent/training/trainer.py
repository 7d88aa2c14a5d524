"""Watches a folder of episodes, and has a process make a candidate of the running model once there are enough."""

import json
import signal
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import Any

from qtopt_agent.core.errors import InvalidInput, QtoptError
from qtopt_agent.episodes.reader import find_episodes
from qtopt_agent.models.manifest import MANIFEST
from qtopt_agent.models.store import model_in
from qtopt_agent.training.offline import Round

PATIENCE = 20.0  # s for a round to end when it is told to
COUNT = "episodes.txt"  # in the trainer's folder: how many there were when the last round began


class TrainerState(IntEnum):
    """As in qtopt_msgs/TrainerStatus."""

    WAITING = 0
    TRAINING = 1
    PUBLISHING = 2
    FAILED = 3


@dataclass(frozen=True)
class TrainerSettings:
    """episodes: folder to watch. model: the one to begin with, or its store. candidates: store to publish in.

    min_episodes: before the first round. new_episodes: before each further one. The others are those of Round.
    """

    episodes: Path
    model: Path
    candidates: Path
    run: Path
    preset: str = "finetune"
    settings: tuple[str, ...] = ()
    min_episodes: int = 100
    new_episodes: int = 50
    steps: int = 0
    seed: int = 0
    hold_back: float = 0.2
    simulate: int = 0
    actors: int = 0

    def __post_init__(self) -> None:
        for name, least in {"min_episodes": 1, "new_episodes": 1, "steps": 0, "simulate": 0, "actors": 0}.items():
            if getattr(self, name) < least:
                raise InvalidInput(f"{name} is {getattr(self, name)}, expected {least} or more")
        store = self.model if not (self.model / MANIFEST).exists() else self.model.resolve().parent
        if self.candidates.resolve() == store.resolve():
            raise InvalidInput(f"candidates is {self.candidates}, the store of the models that run: expected another")


@dataclass(frozen=True)
class Progress:
    """How far it is, as in qtopt_msgs/TrainerStatus; rate in gradient steps/s."""

    state: TrainerState = TrainerState.WAITING
    episodes: int = 0
    steps: int = 0
    rate: float = 0.0
    loss: float = float("nan")
    version: str = ""
    text: str = ""


class Trainer:
    """Call `tick` every few seconds. `published` is told the folder of each candidate, in another thread.

    running: the version that the agent decides with, once it is known; a round begins with that, else with the one in
    force in the store.
    """

    def __init__(self, settings: TrainerSettings, published: Callable[[Path], None] = lambda folder: None) -> None:
        self._settings, self._published = settings, published
        self.running = ""
        self._progress = Progress()
        self._outcome = ""  # of the last round
        self._used = _read_count(settings.run / COUNT)  # at the beginning of the last round
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._lock = threading.Lock()

    @property
    def progress(self) -> Progress:
        """How far it is now."""
        return self._progress

    def tick(self) -> Progress:
        """Look for new episodes, and begin a round if it is time."""
        s = self._settings
        count = sum(1 for _ in find_episodes(s.episodes)) if s.episodes.is_dir() else 0
        self._change(episodes=count)
        if self._reader is not None and self._reader.is_alive():
            return self._progress
        due = self._used + s.new_episodes if self._used else s.min_episodes
        if count >= due:
            self._used = count
            self._begin(count)
        elif self._progress.state == TrainerState.WAITING:
            there = f"{count} episodes in {s.episodes}" if s.episodes.is_dir() else f"no folder {s.episodes} yet"
            last = f"; the last one: {self._outcome}" if self._outcome else ""
            self._change(text=f"{there}, the next round begins at {due} episodes{last}")
        return self._progress

    def stop(self) -> None:
        """End a round under way; nothing of it is kept."""
        if self._process is None or self._reader is None:
            return
        for number in (signal.SIGINT, signal.SIGKILL):
            if self._process.poll() is None:
                self._process.send_signal(number)
                try:
                    self._process.wait(PATIENCE)
                except subprocess.TimeoutExpired:
                    continue
        self._reader.join()

    def _begin(self, count: int) -> None:
        s = self._settings
        s.run.mkdir(parents=True, exist_ok=True)
        (s.run / COUNT).write_text(f"{count}\n", encoding="utf-8")
        version = f"{Path(s.preset).stem}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        try:
            incumbent = self._incumbent()
        except QtoptError as error:
            self._change(state=TrainerState.FAILED, text=str(error))
            return
        order = Round(
            str(s.episodes),
            str(s.run),
            str(incumbent),
            str(s.candidates),
            version,
            s.preset,
            s.steps,
            s.settings,
            s.seed,
            s.hold_back,
            s.simulate,
            s.actors,
        )
        self._change(state=TrainerState.TRAINING, text=f"learning from {count} episodes, beginning with {incumbent}")
        self._process = subprocess.Popen(
            order.command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the node, which ends the round in order
        )
        self._reader = threading.Thread(target=self._follow, args=(self._process,), name="round", daemon=True)
        self._reader.start()

    def _incumbent(self) -> Path:
        """The model that the agent runs, as far as is known."""
        model = self._settings.model
        store = model.resolve().parent if (model / MANIFEST).exists() else model
        named = store / self.running
        return named if self.running and (named / MANIFEST).exists() else model_in(model)

    def _follow(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout and process.stderr
        errors: list[str] = []
        drain = threading.Thread(target=lambda stream: errors.extend(stream), args=(process.stderr,), daemon=True)
        drain.start()
        for line in process.stdout:
            self._hear(json.loads(line))
        code = process.wait()
        drain.join(timeout=1.0)
        if code == 0:
            self._published(self._settings.candidates / self._progress.version)
            self._change(state=TrainerState.WAITING)
        elif code in (130, -signal.SIGINT, -signal.SIGKILL):
            self._change(state=TrainerState.WAITING, text="the round was stopped")
        else:
            said = next((line.strip() for line in reversed(errors) if line.strip()), f"exit code {code}")
            self._change(state=TrainerState.FAILED, text=said)

    def _hear(self, said: dict[str, Any]) -> None:
        if "published" in said:
            self._change(version=said["published"])
        elif "publishing" in said:
            self._change(state=TrainerState.PUBLISHING, steps=said["steps"], text=f"comparing {said['publishing']}")
        elif "skipped" in said:
            self._change(text=f"{said['skipped']} episodes cannot be learned from, such as: {said['why']}")
        elif "compared" in said:
            self._outcome = said["text"]
            self._change(text=self._outcome)
        else:
            self._change(**said)

    def _change(self, **values: Any) -> None:
        with self._lock:
            self._progress = replace(self._progress, **values)


def _read_count(file: Path) -> int:
    """Raises InvalidInput where the file holds something else."""
    if not file.exists():
        return 0
    text = file.read_text(encoding="utf-8").strip()
    if not text.isdigit():
        raise InvalidInput(f"{file} holds {text[:100]!r}, expected a number of episodes")
    return int(text)
