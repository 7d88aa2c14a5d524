"""Families of shapes, a file for each set that is trained on, chosen by or measured on."""
