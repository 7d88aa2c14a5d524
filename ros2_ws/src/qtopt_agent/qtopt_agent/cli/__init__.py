"""The `qtopt` command: one file a command. What takes long to import is imported where it is used."""
