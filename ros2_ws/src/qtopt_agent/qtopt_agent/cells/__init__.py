"""Cells as files, and how a lab comes to its own: written, checked against a photograph, calibrated."""
