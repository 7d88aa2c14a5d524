"""Puts the commands together and turns errors into a line of text and an exit code."""

import io
import os
import re
import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from qtopt_agent.cli.bench_decide import decide
from qtopt_agent.cli.bench_graph import graph
from qtopt_agent.cli.bench_simulate import simulate
from qtopt_agent.cli.cell import app as cell
from qtopt_agent.cli.collect import collect
from qtopt_agent.cli.demo import demo
from qtopt_agent.cli.doctor import doctor
from qtopt_agent.cli.episodes import app as episodes
from qtopt_agent.cli.episodes_learn import label, split, stats
from qtopt_agent.cli.evaluate import evaluate
from qtopt_agent.cli.export import export
from qtopt_agent.cli.launch import launch
from qtopt_agent.cli.models import keygen, list_models, sign, verify
from qtopt_agent.cli.models_alternate import alternate
from qtopt_agent.cli.models_describe import describe
from qtopt_agent.cli.models_promote import compare, history, promote, rollback
from qtopt_agent.cli.size import size
from qtopt_agent.cli.teleop import teleop
from qtopt_agent.cli.train import train
from qtopt_agent.core.errors import QtoptError
from qtopt_agent.core.printable import printable

_UsageError: Any = typer.BadParameter.__base__
"""Wrong options and arguments of any kind; typer has no name for it."""


class _Commands(TyperGroup):
    """Exit codes: 0 done, 1 a check failed, 2 bad input, 130 stopped with Ctrl-C."""

    def main(self, *arguments: Any, **extra: Any) -> NoReturn:
        try:
            code = super().main(*arguments, **extra | {"standalone_mode": False})
        except _UsageError as error:
            if error.ctx and error.message == error.ctx.get_help():  # no command was given
                typer.echo(error.message, err=True)
            else:
                wrong: list[Any] = getattr(
                    error.__cause__, "errors", list
                )()  # pydantic's, whose value typer does not name
                given = f", not {wrong[0]['input']!r}" if wrong else ""
                advice = f" (see {error.ctx.command_path} --help)" if error.ctx else ""
                _complain(f"{error.format_message().removesuffix('.')}{given}{advice}", extra.get("color"))
            code = 2
        sys.exit(code)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        # A shell leaves ~ alone after --out= and model:=, Python's files do everywhere.
        return super().parse_args(ctx, [_LEFT_ALONE.sub(_at_home, word) for word in args])

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except (QtoptError, OSError) as error:
            _complain(str(error))
            raise typer.Exit(2) from error
        except KeyboardInterrupt:
            typer.secho("stopped by Ctrl-C; what was complete is kept", fg=typer.colors.YELLOW, err=True)
            raise typer.Exit(130) from None


_LEFT_ALONE = re.compile(r"^((?:--[\w-]+|\w+:)=)(~[^/]*)")


def _at_home(word: "re.Match[str]") -> str:
    return word[1] + os.path.expanduser(word[2])


def _complain(text: str, color: bool | None = None) -> None:
    typer.secho(f"error: {printable(text)}", fg=typer.colors.RED, err=True, color=color)


app = typer.Typer(
    name="qtopt",
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help is read alike in a terminal, a pipe and a log
    pretty_exceptions_enable=False,
    help="QT-Opt grasping: collect episodes, train a Q-function, evaluate it, run it.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"qtopt {version('qtopt_agent')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """What comes before a command."""


for command in (demo, collect, train, size, evaluate, export, doctor, launch, teleop):
    app.command()(command)

models = typer.Typer(no_args_is_help=True, help="Look at models, check, sign and promote them.")
models.command("list")(list_models)
models.command()(describe)
models.command()(verify)
models.command()(keygen)
models.command()(sign)
models.command()(compare)
models.command()(promote)
models.command()(alternate)
models.command()(rollback)
models.command()(history)
app.add_typer(models, name="models")
episodes.command()(label)
episodes.command()(split)
episodes.command()(stats)
app.add_typer(episodes, name="episodes")
app.add_typer(cell, name="cell")

bench = typer.Typer(no_args_is_help=True, help="Measure speed on this machine.")
bench.command()(decide)
bench.command()(graph)
bench.command()(simulate)
app.add_typer(bench, name="bench")


def main() -> None:
    """Entry point of the `qtopt` script."""
    # A terminal that knows ASCII only gets escapes for the rest, instead of an error.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    app(prog_name="qtopt", color=False if plain else None)


if __name__ == "__main__":
    main()
