"""Puts the commands together and turns errors into a line of text and an exit code."""

from typing import Any

import typer
from typer.core import TyperGroup

from qtopt_agent.cli.bench_decide import decide
from qtopt_agent.cli.bench_graph import graph
from qtopt_agent.cli.bench_simulate import simulate
from qtopt_agent.cli.collect import collect
from qtopt_agent.cli.demo import demo
from qtopt_agent.cli.doctor import doctor
from qtopt_agent.cli.episodes import app as episodes
from qtopt_agent.cli.evaluate import evaluate
from qtopt_agent.cli.export import export
from qtopt_agent.cli.launch import launch
from qtopt_agent.cli.models import list_models, verify
from qtopt_agent.cli.models_describe import describe
from qtopt_agent.cli.train import train
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
for command in (demo, collect, train, evaluate, export, doctor, launch):
    app.command()(command)

models = typer.Typer(no_args_is_help=True, help="Look at models.")
models.command("list")(list_models)
models.command()(describe)
models.command()(verify)
app.add_typer(models, name="models")
app.add_typer(episodes, name="episodes")

bench = typer.Typer(no_args_is_help=True, help="Measure speed on this machine.")
bench.command()(decide)
bench.command()(graph)
bench.command()(simulate)
app.add_typer(bench, name="bench")


def main() -> None:
    """Entry point of the `qtopt` script."""
    app(prog_name="qtopt")


if __name__ == "__main__":
    main()
