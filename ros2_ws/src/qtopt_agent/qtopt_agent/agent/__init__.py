"""Decides in a running graph: newest picture in, one guarded motion after another out."""
