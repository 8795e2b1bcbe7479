"""The ``synthbench`` command: starts fast, imports a subcommand only when it is called.

Nothing here may import more than click, so that help and completion stay instant.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from synthbench import __version__

#: Module and help line of every subcommand; each module has an attribute ``command``. The help is
#: repeated here because asking the modules for it would import them all.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("synthbench.cli.run", "Train methods on a dataset and score them."),
    "translate": ("synthbench.cli.translate", "Translate volumes with a trained method."),
    "evaluate": ("synthbench.cli.evaluate", "Score volumes that were made elsewhere."),
    "segment": (
        "synthbench.cli.segment",
        "Train segmenters on synthetic volumes, test them on real ones.",
    ),
    "report": ("synthbench.cli.report", "Make tables and figures of a run."),
    "figure": ("synthbench.cli.figure", "Draw one subject, or how methods rank, for a paper."),
    "audit": ("synthbench.cli.audit", "Check a table that somebody printed."),
    "list": ("synthbench.cli.list", "List what is installed, broken plugins included."),
    "info": ("synthbench.cli.info", "Show everything about one component."),
    "data": ("synthbench.cli.data", "Look at a dataset and check its files."),
    "plugin": ("synthbench.cli.plugin", "Write a plugin, and check one."),
    "doctor": ("synthbench.cli.doctor", "Check this installation and machine."),
}

EXIT_BUG = 1
EXIT_INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group that imports a subcommand's module when it is invoked, and never for help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all subcommands, in the order of use."""
        return [*COMMANDS]  # list() would be this package's module of that name

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one subcommand."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command table without importing the commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand; an unknown one is an error that names the nearest."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            from synthbench.api.errors import UsageError
            from synthbench.registry.names import did_you_mean

            raise UsageError(
                f"there is no command {name!r}",
                did_you_mean(name, COMMANDS, otherwise="see `synthbench --help`"),
            )
        return super().resolve_command(ctx, args)


def _without_plugins(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    # Through the environment, because the processes that a run starts must agree.
    if value:
        os.environ["SYNTHBENCH_PLUGINS"] = ""


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="synthbench", message="%(prog)s %(version)s")
@click.option(
    # Read by main(), which has to know it even where click fails to parse the rest.
    "--debug",
    is_flag=True,
    expose_value=False,
    help="Show the traceback of an error.",
)
@click.option(
    "--no-plugins",
    is_flag=True,
    expose_value=False,
    callback=_without_plugins,
    help="Load the built-in plugins only.",
)
def cli() -> None:
    """Train, score and compare 3D medical image translation methods."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments; default: those of the process.

    Returns:
        The exit code: 0 all done, 1 a bug, 2 usage, 3 some cells failed, 4 nothing selected,
        5 plugin, 6 data, 130 interrupted.
    """
    arguments = [*(sys.argv[1:] if argv is None else argv)]
    try:
        outcome = cli.main(arguments, prog_name="synthbench", standalone_mode=False)
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", "", EXIT_INTERRUPTED)
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; the interpreter's own flush must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1  # as click does when it notices first
    except Exception as error:
        if _wants_debug(arguments):
            import traceback

            traceback.print_exc()
        return _explain(error, arguments)
    return outcome if isinstance(outcome, int) else 0


def _wants_debug(arguments: Sequence[str]) -> bool:
    """Whether ``--debug`` stands before the subcommand."""
    own = arguments[: next((i for i, a in enumerate(arguments) if not a.startswith("-")), None)]
    return "--debug" in own


def _explain(error: Exception, arguments: Sequence[str]) -> int:
    from synthbench.api.errors import SynthbenchError

    if isinstance(error, SynthbenchError):
        return _fail(error.message, error.hint, error.exit_code)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()  # a group called without a subcommand
        return error.exit_code
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else "synthbench"
        return _fail(error.format_message(), f"see `{path} --help`", error.exit_code)
    if isinstance(error, click.ClickException):
        return _fail(error.format_message(), "", error.exit_code)
    text = str(error).strip().splitlines()
    what = f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
    command = " ".join(["synthbench --debug", *(a for a in arguments if a != "--debug")])
    return _fail(f"{what} (this is a bug)", f"report it with the output of `{command}`", EXIT_BUG)


def _fail(message: str, hint: str, code: int) -> int:
    click.echo(f"Error: {message}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)
    return code
