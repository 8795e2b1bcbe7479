"""Plugins installed for one test only: real distribution metadata in a temporary folder."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from importlib.metadata import distributions
from itertools import count
from pathlib import Path

from synthbench.registry import Registry
from synthbench.registry.discovery import candidate

#: Module names must never repeat: Python caches imported modules for the whole test session.
_serial = count()

HEADER = """
from synthbench.api import *
from synthbench.api import hookimpl
synthbench_api_version = "1.0"
"""


@dataclass
class Site:
    """A folder that works like site-packages; put it on ``sys.path`` to import what is in it."""

    folder: Path
    allowed: set[str] | None = None
    strict: bool = False
    modules: dict[str, str] = field(default_factory=dict)

    def install(
        self, name: str, source: str, *, dist: str = "", version: str = "1.0", header: str = HEADER
    ) -> None:
        """Install a distribution with one plugin, written as a module's source."""
        dist = dist or f"synthbench-{name}"
        module = f"fake_plugin_{next(_serial)}"
        self.modules[name] = module
        (self.folder / f"{module}.py").write_text(header + textwrap.dedent(source))
        info = self.folder / f"{dist.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[synthbench]\n{name} = {module}\n")

    def registry(self) -> Registry:
        """Load what is installed here, and nothing of the real environment."""
        points = [
            point
            for dist in sorted(distributions(path=[str(self.folder)]), key=lambda d: d.name)
            for point in dist.entry_points
        ]
        return Registry(map(candidate, points), allowed=self.allowed, strict=self.strict)


BLUR = """
@hookimpl
def synthbench_methods():
    return [MethodSpec(name="blur", summary="Blurs.", recipe={"translator": "blur"})]

@hookimpl
def synthbench_translators():
    return [TranslatorSpec(name="blur", target="no_such_module:Blur", summary="Blurs.")]
"""
