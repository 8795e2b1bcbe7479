"""``synthbench doctor``: is this installation and machine ready?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click

from synthbench.cli.options import output_option

#: Less than this is too little even for the embedded demonstration.
_LEAST_FREE_GB = 2.0
_PACKAGES = ("torch", "monai", "numpy", "scipy", "pandas", "nibabel", "scikit-image", "pluggy")


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis; ``exit_code`` says what kind of problem a failure is."""

    level: Literal["ok", "note", "fail"]
    text: str
    hint: str = ""
    exit_code: int = 0


@click.command("doctor")
@output_option
@click.pass_context
def command(ctx: click.Context, output: Path | None) -> None:
    """Check this installation and machine.

    Looks at Python and the packages, the processors, whether results can be written, which datasets
    are found, and plugins. Exit code 5 when a plugin is not usable, 6 when data or folders are at
    fault, 0 when all is well.
    """
    code = 0
    for finding in (*_software(), *_hardware(), *_storage(output), *_datasets(), *_plugins()):
        click.echo(f"{finding.level:<5} {finding.text}")
        if finding.hint:
            click.echo(f"      {finding.hint}")
        code = code or finding.exit_code
    ctx.exit(code)


def _software() -> Iterator[Finding]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from synthbench import __version__

    yield Finding("ok", f"synthbench {__version__}, Python {platform.python_version()}")
    for name in _PACKAGES:
        try:
            yield Finding("ok", f"{name} {version(name)}")
        except PackageNotFoundError:
            yield Finding("fail", f"{name} is not installed", f"pip install {name}", 1)


def _hardware() -> Iterator[Finding]:
    import os

    import psutil

    memory = psutil.virtual_memory().total / 2**30
    yield Finding("ok", f"{os.cpu_count()} CPU cores, {memory:.0f} GiB memory")
    try:
        import torch
    except Exception as error:  # a torch that cannot load is what doctor is there to tell
        yield Finding("fail", f"torch cannot be imported: {error}", "reinstall torch", 1)
        return
    if not torch.cuda.is_available():
        yield Finding("note", "no GPU that torch can use", "training runs on the CPU")
        return
    for index in range(torch.cuda.device_count()):
        card = torch.cuda.get_device_properties(index)
        yield Finding("ok", f"GPU {index}: {card.name}, {card.total_memory / 2**30:.0f} GiB")


def _storage(given: Path | None) -> Iterator[Finding]:
    import os
    import shutil

    from synthbench.api.errors import DataError
    from synthbench.store.paths import output_root

    root = output_root(given)
    existing = next(folder for folder in (root, *root.parents) if folder.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)):
        yield Finding(
            "fail",
            f"results cannot be written to {root}",
            "choose another folder with --output or SYNTHBENCH_OUTPUT",
            DataError.exit_code,
        )
        return
    free = shutil.disk_usage(existing).free / 2**30
    if free < _LEAST_FREE_GB:
        yield Finding(
            "fail",
            f"only {free:.1f} GiB free for results in {root}",
            "make room or choose another folder with --output",
            DataError.exit_code,
        )
    else:
        yield Finding("ok", f"results go to {root}, {free:.0f} GiB free")


def _datasets() -> Iterator[Finding]:
    from synthbench.api.errors import DataError, SynthbenchError
    from synthbench.data_roots import find_root
    from synthbench.registry import load_registry

    registry = load_registry()
    for entry in registry.all("datasets"):
        if not entry.spec.needs_root:
            yield Finding("ok", f"dataset {entry.id}: made on the fly")
            continue
        try:
            found = find_root(entry, registry)
        except SynthbenchError as error:
            yield Finding("fail", error.message, error.hint, DataError.exit_code)
            continue
        if found is None:
            yield Finding("note", f"dataset {entry.id}: no folder known")
        else:
            yield Finding("ok", f"dataset {entry.id}: {found}")


def _plugins() -> Iterator[Finding]:
    from synthbench.api.errors import PluginError
    from synthbench.registry import load_registry

    for status in load_registry().plugins:
        text = f"plugin {status.name} ({status.dist} {status.version})"
        if status.deliberate:
            yield Finding("ok" if status.usable else "note", f"{text}: {status.state}")
            for warning in status.warnings:
                yield Finding("note", f"plugin {status.name}: {warning}")
        else:
            yield Finding(
                "fail",
                f"{text}: {status.state}: {status.error}",
                status.hint,
                PluginError.exit_code,
            )
