"""``synthbench plugin new``: write a distribution that works, to be changed from there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

#: Names that commands take for something else.
_RESERVED = ("all", "core")
#: Folder of the templates that becomes the package.
_PACKAGE = "package"
_SUFFIX = ".tmpl"


@click.command("new")
@click.argument("name")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, file_okay=False),
    default=".",
    show_default="here",
    help="Folder in which the distribution's folder is made.",
)
def command(name: str, output: Path) -> None:
    """Write a plugin that works, to be changed from there.

    It is a distribution of its own with one translator, one loss, a method that uses both, and
    tests. NAME becomes the owner of its components (NAME/charbonnier) and the method's name; the
    distribution is called synthbench-NAME.
    """
    import shlex

    from synthbench import __version__
    from synthbench.api import API_VERSION
    from synthbench.api.errors import UsageError
    from synthbench.store.atomic import replacing_folder

    _refuse_malformed(name)
    values = {
        "name": name,
        "package": f"synthbench_{name.replace('-', '_')}",
        "distribution": f"synthbench-{name.replace('_', '-')}",
        "version": __version__,
        "api_version": API_VERSION,
    }
    _refuse_taken(name, values["package"])
    folder = output / values["distribution"]
    if folder.exists():
        raise UsageError(
            f"{folder} already exists", "choose another name, or another folder with --output"
        )
    with replacing_folder(folder) as unfinished:
        for path, text in _files(values):
            file = unfinished / path
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8")
    click.echo(
        f"wrote {folder}\n\n"
        "next:\n"
        f"  pip install -e {shlex.quote(f'{folder}[test]')}\n"
        f"  synthbench plugin check {name}\n"
        f"  python -m pytest {shlex.quote(str(folder))}\n"
        f"  synthbench run --methods {name},identity --dataset phantom --preset smoke\n"
    )


def _refuse_malformed(name: str) -> None:
    from synthbench.api.errors import UsageError

    # Narrower than `registry.names.is_legal`: distributions may not end with a dash.
    if re.fullmatch(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?", name) is None:
        raise UsageError(
            f"{name!r} cannot be the name of a plugin",
            "take lower-case letters, digits, _ and -, with a letter or digit at both ends",
        )


def _refuse_taken(name: str, package: str) -> None:
    """Refuse what would be mistaken for, or hidden by, something installed."""
    from importlib.util import find_spec

    from synthbench.api.errors import UsageError
    from synthbench.registry import KINDS, load_registry
    from synthbench.registry.names import CORE

    registry = load_registry()
    taken = dict.fromkeys(_RESERVED, "reserved")
    for kind in KINDS:
        for entry in registry.all(kind):
            if entry.owner == CORE:
                taken[entry.name] = f"that of the built-in {entry.id}"
    for status in registry.plugins:
        taken[status.name] = f"that of a plugin of {status.dist}"
    if name not in taken and find_spec(package) is not None:
        taken[name] = f"taken: there is a Python package {package}"
    if name in taken:
        raise UsageError(f"the name {name!r} is {taken[name]}", "choose another name")


def _files(values: dict[str, str]) -> Iterator[tuple[Path, str]]:
    """Yield the path inside the distribution and the text of every file."""
    from importlib.resources import files
    from string import Template

    def below(folder: Traversable, path: Path) -> Iterator[tuple[Path, str]]:
        for item in sorted(folder.iterdir(), key=lambda item: item.name):
            if item.is_dir():
                own = values["package"] if item.name == _PACKAGE else item.name
                yield from below(item, path / own)
            elif item.name.endswith(_SUFFIX):
                text = Template(item.read_text(encoding="utf-8")).substitute(values)
                yield path / item.name.removesuffix(_SUFFIX), text

    yield from below(files("synthbench.cli") / "templates" / "plugin", Path())
