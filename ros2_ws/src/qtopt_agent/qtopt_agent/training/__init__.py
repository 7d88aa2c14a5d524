"""Training runs: a learner, its actors or recorded episodes, checkpoints, and the model that comes of it."""
