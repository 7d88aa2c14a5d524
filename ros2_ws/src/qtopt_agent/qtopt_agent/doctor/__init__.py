"""Says what is wrong with a graph, an arm's profile or a model, and what to do about it."""
