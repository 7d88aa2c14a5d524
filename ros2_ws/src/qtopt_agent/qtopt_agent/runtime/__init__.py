"""Runs episodes: one at a time, for data, for evaluation and for training; publishes the models that come of it."""
