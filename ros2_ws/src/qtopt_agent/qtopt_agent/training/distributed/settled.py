"""How a process that Ray started for us behaves."""

import warnings

import torch

from qtopt_agent.processes.memory import keep_freed_memory


def settle() -> None:
    """One thread, as every actor of a run; freed memory stays. Arrays from Ray's shared memory are never written to."""
    torch.set_num_threads(1)
    keep_freed_memory()
    warnings.filterwarnings("ignore", "The given NumPy array is not writable")
