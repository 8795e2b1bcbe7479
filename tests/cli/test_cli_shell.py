"""The frame of the command line: help, speed, errors, exit codes."""

from __future__ import annotations

import resource
import subprocess
import sys
from importlib import import_module

import click
import pytest

from synthbench import __version__
from synthbench.api import DataError, NothingSelectedError, PluginError, SynthbenchError, UsageError
from synthbench.cli import COMMANDS, LazyGroup, cli, main

HEAVY = ("torch", "monai", "nibabel", "pandas", "matplotlib", "scipy", "skimage", "nilearn")


def imported_by(arguments: list[str], unwanted: tuple[str, ...]) -> list[str]:
    code = (
        "import sys\nfrom synthbench.cli import main\n"
        f"code = main({arguments!r})\n"
        f"print(*sorted(set({unwanted!r}) & set(sys.modules)), file=sys.stderr)\n"
        "sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stderr.splitlines()[-1].split()


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    assert imported_by(arguments, (*HEAVY, "numpy", "pluggy", "pydantic", "rich", "yaml")) == []


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_imports_nothing_heavy(command: str) -> None:
    assert imported_by([command, "--help"], (*HEAVY, "numpy")) == []


def test_listing_imports_nothing_heavy() -> None:
    """It loads every plugin, so this holds the plugin modules to being light too."""
    assert imported_by(["list", "--json"], HEAVY) == []


def test_help_is_fast() -> None:
    """Processor time, not wall time, so that a busy machine does not fail it; the best of three."""
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "synthbench", "--help"], check=True, stdout=subprocess.DEVNULL
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < 0.3


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for name, (_, text) in COMMANDS.items():
        assert f"  {name} " in out
        assert text in out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_in_the_table_exists(name: str) -> None:
    command = import_module(COMMANDS[name][0]).command
    assert isinstance(command, click.Command)
    assert command.help


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"synthbench {__version__}\n"


def test_an_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doktor"]) == 2
    assert capsys.readouterr().err == (
        "Error: there is no command 'doktor'\nhint: did you mean doctor?\n"
    )


@pytest.mark.parametrize("arguments", [["--nonsense"], ["list", "--nonsense"], ["info"]])
def test_wrong_options_are_a_line_and_a_hint(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("Error: ")
    assert hint.startswith("hint: see `synthbench") and hint.endswith("--help`")


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    @click.command("list")
    def command() -> None:
        raise error

    monkeypatch.setattr(LazyGroup, "get_command", lambda self, ctx, name: command)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (SynthbenchError, 1),
        (UsageError, 2),
        (NothingSelectedError, 4),
        (PluginError, 5),
        (DataError, 6),
    ],
)
def test_an_error_for_the_user_is_a_line_a_hint_and_its_exit_code(
    kind: type[SynthbenchError],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    raising(monkeypatch, kind("t1.nii.gz is truncated", "copy it again"))
    assert main(["list"]) == code
    assert capsys.readouterr().err == "Error: t1.nii.gz is truncated\nhint: copy it again\n"


def test_a_bug_says_so_and_how_to_see_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, ZeroDivisionError("division by zero\nmore"))
    assert main(["list"]) == 1
    assert capsys.readouterr().err == (
        "Error: ZeroDivisionError: division by zero (this is a bug)\n"
        "hint: report it with the output of `synthbench --debug list`\n"
    )


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), DataError("x", "y")])
def test_debug_shows_the_traceback_too(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, error)
    main(["--debug", "list"])
    err = capsys.readouterr().err
    assert "Traceback" in err and "in command" in err
    assert err.splitlines()[-2].startswith("Error: ")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_interrupting_ends_with_130(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, error)
    assert main(["list"]) == 130
    assert capsys.readouterr().err.strip() == "Error: interrupted"


def test_a_command_may_choose_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, click.exceptions.Exit(3))
    assert main(["list"]) == 3


def test_a_reader_that_stops_listening_is_not_told_off() -> None:
    code = "from synthbench.cli import main\nimport sys\nsys.exit(main(['list', '--json']))"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        stderr = process.stderr.read().decode()
        assert "Error" not in stderr and "Traceback" not in stderr
        assert process.wait() == 1


def test_the_group_completes_to_its_commands() -> None:
    assert cli.list_commands(click.Context(cli)) == list(COMMANDS)
