"""Watches a folder of episodes, and has a process train and publish a model when there are enough new ones."""

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

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.episodes.reader import find_episodes
from qtopt_agent.training.offline import Round, used_episodes

PATIENCE = 20.0  # s for a round to write its checkpoint when it is told to end


class TrainerState(IntEnum):
    """As in qtopt_msgs/TrainerStatus."""

    WAITING = 0
    TRAINING = 1
    PUBLISHING = 2
    FAILED = 3


@dataclass(frozen=True)
class TrainerSettings:
    """min_episodes: before the first round. new_episodes: before each further one. steps: gradient steps a round."""

    episodes: Path
    models: Path
    run: Path
    preset: str = "compact"
    settings: tuple[str, ...] = ()
    min_episodes: int = 100
    new_episodes: int = 50
    steps: int = 5_000
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("min_episodes", "new_episodes", "steps"):
            if getattr(self, name) < 1:
                raise InvalidInput(f"{name} is {getattr(self, name)}, expected 1 or more")


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
    """Call `tick` every few seconds. `published` is told the folder of each new model, in another thread."""

    def __init__(self, settings: TrainerSettings, published: Callable[[Path], None] = lambda folder: None) -> None:
        self._settings, self._published = settings, published
        self._progress = Progress()
        self._used = used_episodes(settings.run)  # at the beginning of the last round
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
            self._change(text=f"{there}, the next round begins at {due} episodes")
        return self._progress

    def stop(self) -> None:
        """End a round under way; its checkpoint is kept, and the next round goes on from there."""
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
        version = f"{Path(s.preset).stem}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        order = Round(
            str(s.episodes), str(s.run), str(s.models), version, s.preset, s.steps, settings=s.settings, seed=s.seed
        )
        self._change(state=TrainerState.TRAINING, text=f"learning from {count} episodes")
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
            self._published(self._settings.models / self._progress.version)
            self._change(state=TrainerState.WAITING, text=f"published {self._progress.version}")
        elif code in (130, -signal.SIGINT, -signal.SIGKILL):
            self._change(state=TrainerState.WAITING, text="the round was stopped")
        else:
            said = next((line.strip() for line in reversed(errors) if line.strip()), f"exit code {code}")
            self._change(state=TrainerState.FAILED, text=said)

    def _hear(self, said: dict[str, Any]) -> None:
        if "published" in said:
            self._change(version=said["published"])
        elif "publishing" in said:
            self._change(state=TrainerState.PUBLISHING, steps=said["steps"], text=f"testing {said['publishing']}")
        elif "skipped" in said:
            self._change(text=f"{said['skipped']} episodes cannot be learned from, such as: {said['why']}")
        else:
            self._change(**said)

    def _change(self, **values: Any) -> None:
        with self._lock:
            self._progress = replace(self._progress, **values)
