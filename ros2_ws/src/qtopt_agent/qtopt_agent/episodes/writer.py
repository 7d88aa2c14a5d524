"""Where episodes go: dated folders, a new one for each run and for each thousand episodes of it."""

import secrets
from datetime import UTC, datetime
from pathlib import Path

from qtopt_agent.core.episode import Episode
from qtopt_agent.core.errors import InvalidInput, StorageError
from qtopt_agent.episodes.message_types import EVENT
from qtopt_agent.episodes.messages import START, received
from qtopt_agent.episodes.recording import PARTIAL, About, Recording
from qtopt_agent.processes.folder_lock import lock_folder

EPISODES_PER_FOLDER = 1000


def new_episode_id() -> str:
    """A unique name that sorts by time: UTC date, time and microseconds, and six random hexadecimal digits."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(3)}"


class EpisodeWriter:
    """Writes episodes below `root`, as YYYY-MM-DD/HHMMSS-xxxxxx/<episode id>, dates in UTC.

    Writers share nothing, so any number of processes may write below one root. No folder is ever listed: the 100,000th
    episode costs what the first did. With `sync`, an episode survives a power cut as soon as it is closed; without, it
    survives the death of the process, and a power cut may take the last seconds.
    """

    def __init__(self, root: Path | str, *, sync: bool = True) -> None:
        self._root = Path(root)
        self._sync = sync
        self._folder = self._root
        self._date = ""
        self._count = 0

    def open(
        self,
        episode_id: str,
        *,
        profile: str,
        policy: str = "",
        model_version: str = "",
        seed: int = 0,
        objects: tuple[str, ...] = (),
    ) -> Recording:
        """Begin an episode. Raises InvalidInput on a name unfit for a folder or taken; or StorageError."""
        return self._open(About(episode_id, profile, policy, model_version, seed, tuple(objects)))

    def open_raw(self, start: bytes) -> Recording:
        """Begin the episode of a qtopt_msgs/EpisodeEvent as it came over the wire, in CDR. Raises as `open` does."""
        event = received(EVENT, start)
        if event.kind != START:
            raise InvalidInput(f"event {event.kind} of episode {event.episode_id!r} begins no episode")
        fields = {name: getattr(event, name) for name in About.__dataclass_fields__}
        return self._open(About(**fields | {"objects": tuple(event.objects)}), start)

    def _open(self, about: About, start: bytes = b"") -> Recording:
        episode_id = about.episode_id
        try:
            target = self._next_folder() / episode_id
            if target.exists():
                raise InvalidInput(f"there is an episode {target} already")
            lock = lock_folder(target.parent, alone=False)
        except OSError as error:
            raise StorageError(f"cannot write below {self._root}: {error.strerror}") from error
        partial = target.with_name(PARTIAL + episode_id)
        return Recording(target, about, sync=self._sync, partial=partial, lock=lock, start=start)

    def write(self, episode: Episode) -> Path:
        """Write a whole episode and return its folder. Raises as `open` and `Recording` do, leaving nothing behind."""
        recording = self.open(
            episode.episode_id,
            profile=episode.profile,
            policy=episode.policy,
            model_version=episode.model_version,
            seed=episode.seed,
            objects=episode.objects,
        )
        return recording.record(episode)

    def _next_folder(self) -> Path:
        now = datetime.now(UTC)
        if self._date != f"{now:%Y-%m-%d}" or self._count == EPISODES_PER_FOLDER:
            self._date = f"{now:%Y-%m-%d}"
            self._folder = self._root / self._date / f"{now:%H%M%S}-{secrets.token_hex(3)}"
            self._folder.mkdir(parents=True)
            self._count = 0
        self._count += 1
        return self._folder
