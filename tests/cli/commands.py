"""Every command of `qtopt`, as typer has it registered, so that a new one is tested from its first day."""

import typer

from qtopt_agent.cli.main import app

ROOT = typer.main.get_command(app)


def below(group, path=()):
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from below(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(below(ROOT))
"""Words on the command line -> command."""
