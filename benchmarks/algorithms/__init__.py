"""Every preset and three baselines on three tasks: `python -m benchmarks.algorithms --help`."""
