"""Puts the commands together and turns errors into a line of text and an exit code."""

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from qtopt_agent.core.errors import QtoptError


class _Commands(TyperGroup):
    """Exit codes: 0 done, 1 a check failed, 2 bad input, 130 stopped with Ctrl-C."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except (QtoptError, OSError) as error:
            typer.secho(f"error: {error}", fg=typer.colors.RED, err=True)
            raise typer.Exit(2) from error
        except KeyboardInterrupt:
            typer.secho("stopped by Ctrl-C; what was complete is kept", fg=typer.colors.YELLOW, err=True)
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="QT-Opt grasping: collect episodes, train a Q-function, evaluate it and run it.",
)
models = typer.Typer(no_args_is_help=True, help="Look at models.")
bench = typer.Typer(no_args_is_help=True, help="Measure speed on this machine.")
app.add_typer(models, name="models")
app.add_typer(bench, name="bench")


def main() -> None:
    """Entry point of the `qtopt` script."""
    app(prog_name="qtopt")


if __name__ == "__main__":
    sys.exit(main())
