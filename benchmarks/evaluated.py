"""Results of `qtopt evaluate`, each measured once."""

import json
import subprocess
from pathlib import Path
from typing import Any


def run(*command: object) -> None:
    """One command, shown first. Raises CalledProcessError where it fails."""
    print(*command, flush=True)
    subprocess.run([str(word) for word in command], check=True)


def evaluated(model: Path, arguments: list[str], episodes: int, file: Path) -> dict[str, Any]:
    """What `file` holds; measured first where it is not there."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        run("qtopt", "evaluate", "--model", model, *arguments, "--episodes", episodes, "--json", part)
        part.rename(file)
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found
