"""Numbers of a run: TensorBoard for watching, one JSON line an evaluation for plotting."""

import json
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from qtopt_agent.core.errors import InvalidInput
from qtopt_agent.documents import parse_json, read_text


@torch.no_grad()
def weight_gap(first: nn.Module, second: nn.Module) -> float:
    """Root mean square difference between two networks' parameters."""
    pairs = list(zip(first.parameters(), second.parameters(), strict=True))
    squares = sum(float((a - b).square().sum()) for a, b in pairs)
    return (squares / sum(a.numel() for a, _ in pairs)) ** 0.5


class Metrics:
    """Writes under `folder`: TensorBoard events, and evaluations.jsonl. Use as a context manager.

    A run that goes on from gradient step `start` loses what it had written beyond it. Raises InvalidInput where
    evaluations.jsonl holds anything else.
    """

    def __init__(self, folder: Path, start: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._writer = SummaryWriter(str(folder), purge_step=start + 1)
        self._evaluations = folder / "evaluations.jsonl"
        if self._evaluations.exists():
            lines = read_text(self._evaluations).splitlines(keepends=True)
            whole = [line for line in lines if line.endswith("\n")]  # a killed run may have cut the last
            self._evaluations.write_text("".join(line for line in whole if self._step(line) <= start))

    def scalars(self, step: int, values: dict[str, float | Tensor]) -> None:
        """Record each value under its name ("learner/q", "collect/success") at gradient step `step`."""
        for name, value in values.items():
            self._writer.add_scalar(name, float(value), step)

    def evaluation(self, step: int, record: dict[str, Any]) -> None:
        """Record one evaluation: `record` holds objects, episodes, success and whatever else is worth plotting."""
        self.scalars(step, {f"evaluate/{record['objects']}": record["success"]})
        with self._evaluations.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **record}) + "\n")

    def _step(self, line: str) -> int:
        record = parse_json(line, str(self._evaluations))
        if not isinstance(record, dict) or not isinstance(record.get("step"), int):
            raise InvalidInput(f"{self._evaluations} holds {line.strip()}, expected evaluations with a step")
        return int(record["step"])

    def __enter__(self) -> "Metrics":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
