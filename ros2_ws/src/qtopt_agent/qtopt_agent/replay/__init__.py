"""Transitions for the learner."""
