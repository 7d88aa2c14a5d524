"""Graphs of nodes: which there are, what each is told, how it is started and leaves in order."""
