"""Bellman targets, losses, and the learner that puts them together."""
