"""Publishers of managed nodes."""

from typing import Any

from ..publisher import Publisher


class LifecyclePublisher(Publisher):
    """Publishes while its node is active, and drops messages without a word at other times."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.is_activated = False

    def publish(self, msg: Any) -> None:
        """Send a message, if the node is active."""
        if self.is_activated:
            super().publish(msg)
