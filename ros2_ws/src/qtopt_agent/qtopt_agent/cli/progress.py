"""A bar on standard error, where that is a terminal which can redraw a line; a pipe, a log or TERM=dumb gets none."""

from typing import TYPE_CHECKING, Union

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn


def progress(*columns: Union[str, "ProgressColumn"]) -> "Progress":
    """A bar of `columns`, or of rich's usual ones; it goes when the work is done."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_interactive)
