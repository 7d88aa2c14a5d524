"""Which episodes are held back from learning, to compare models on."""

import hashlib

from qtopt_agent.core.errors import InvalidInput


def held_back(episode_id: str, share: float) -> bool:
    """Whether the episode is one of the `share`, 0 to 1, that is held back.

    A hash of its id decides, so that it stays on its side whatever comes after it, and where the share grows, too.
    Raises InvalidInput on another share.
    """
    if not 0 <= share <= 1:
        raise InvalidInput(f"share held back is {share}, expected from 0 to 1")
    drawn = int.from_bytes(hashlib.sha256(episode_id.encode()).digest()[:8], "big")
    return drawn < share * 2**64
