"""Where networks calculate, and in which precision."""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from qtopt_agent.core.errors import InvalidInput

CPU = torch.device("cpu")
INSTRUCTIONS = {"avx512_bf16", "amx_bf16", "bf16"}
"""What Linux calls a processor's instructions for bfloat16; the last is ARM's."""


def find_device(name: str) -> torch.device:
    """`auto` is the first GPU, or the processor where there is none; otherwise `cpu`, `cuda` or `cuda:N`.

    Raises InvalidInput for another name, and for a GPU that is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = name.partition(":")
    if name != "cpu" and not (kind == "cuda" and (number.isdecimal() or name == "cuda")):
        raise InvalidInput(f"device is {name!r}, expected auto, cpu, cuda or cuda:N")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise InvalidInput(
            f"device is {name!r}, and PyTorch {torch.__version__} finds {torch.cuda.device_count()} GPUs here"
        )
    return torch.device(name)


@cache
def calculates_in_bf16(device: torch.device) -> bool:
    """Whether `device` has instructions for bfloat16. A processor without them emulates it, slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    try:
        words = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        return False
    return not INSTRUCTIONS.isdisjoint(words)


def placed(array: np.ndarray, device: torch.device) -> Tensor:
    """`array` as a tensor there; on the processor it shares the array's memory."""
    tensor = torch.from_numpy(array)
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
