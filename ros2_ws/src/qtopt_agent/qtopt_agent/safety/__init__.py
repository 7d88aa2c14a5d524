"""Limits that every motion passes before it reaches an arm: pure functions, no I/O."""
