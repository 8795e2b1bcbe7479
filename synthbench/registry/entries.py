"""One declared component: where it comes from, its class, and what it still needs."""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, Literal

from synthbench.api.errors import PluginError
from synthbench.api.specs import ComponentSpec, LossSpec

Kind = Literal[
    "translators", "discriminators", "losses", "datasets", "evaluators", "segmenters", "methods"
]
KINDS: tuple[Kind, ...] = (
    "translators",
    "discriminators",
    "losses",
    "datasets",
    "evaluators",
    "segmenters",
    "methods",
)

_BASES: dict[Kind, str] = {
    "translators": "Translator",
    "discriminators": "Discriminator",
    "losses": "Loss",
    "datasets": "Dataset",
    "evaluators": "Evaluator",
    "segmenters": "Segmenter",
}


@dataclass(frozen=True)
class Entry:
    """A component and its provenance.

    Attributes:
        kind: Which of the interfaces it implements, or ``methods``.
        id: Canonical ``owner/name``.
        spec: What its plugin declared.
        owner: ``core``, or the entry-point name of the plugin.
        plugin: Entry-point name of the plugin.
        plugin_module: Module the entry point names.
        plugin_dist: Distribution it comes from; ``""`` when registered by the running program.
        plugin_version: Version of that distribution.
    """

    kind: Kind
    id: str
    #: Any, because its type follows the kind: a `DatasetSpec` for a dataset, and so on.
    spec: Any
    owner: str
    plugin: str
    plugin_module: str = ""
    plugin_dist: str = ""
    plugin_version: str = ""

    @property
    def name(self) -> str:
        """Short name."""
        return self.spec.name

    @property
    def editable_digest(self) -> str | None:
        """SHA-256 of the plugin's sources where it is installed editable, else ``None``.

        An installed release is identified by its version; sources that are edited in place are
        not, so this stands in for the version. It covers the Python files of the package that
        holds the plugin module and of the package that holds the target.
        """
        if not self.plugin_dist or not _is_editable(self.plugin_dist):
            return None
        modules = {self.plugin_module}
        if isinstance(self.spec, ComponentSpec):
            modules.add(self.spec.target.partition(":")[0])
        return _source_digest(tuple(sorted(modules)))

    def resolve(self) -> Any:
        """Import and return the component's class.

        Raises:
            PluginError: If the import fails or yields something else than the declared kind.
            TypeError: For a method, which is a recipe and has no class.
        """
        if not isinstance(self.spec, ComponentSpec):
            raise TypeError(f"{self.id} is a recipe, not a class")
        found = self._import(self.spec.target)
        base = _BASES[self.kind]
        if isinstance(self.spec, LossSpec) and self.spec.adversarial:
            base = "AdversarialLoss"
        expected = getattr(importlib.import_module("synthbench.api"), base)
        if not (isinstance(found, type) and issubclass(found, expected)):
            raise PluginError(
                f"{self.id}: {self.spec.target} is not a synthbench.api.{base}",
                self._blame(),
            )
        return found

    def missing(self, params: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Say what has to be there before this component can be used, without using it.

        Args:
            params: The parameters it will be built with.

        Returns:
            Pairs of (what is missing, how to fix it); empty when it is ready. Methods are ready by
            themselves: ask the components of their recipe.
        """
        if not isinstance(self.spec, ComponentSpec):
            return []
        lacking = [
            (f"{self.id} needs the Python package {name!r}", f"pip install {name}")
            for name in self.spec.requires
            if not _importable(name)
        ]
        if lacking or not self.spec.preflight:
            return lacking
        try:
            check = self._import(self.spec.preflight)
            return [(str(what), str(fix)) for what, fix in check(**params)]
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a plugin's own check must not end the plan
            reason = error.message if isinstance(error, PluginError) else _one_line(error)
            return [(f"{self.id}: the check for what it needs failed: {reason}", self._blame())]

    def remarks(self, params: Mapping[str, Any]) -> list[str]:
        """Say what every result made with this component must state beside it.

        Args:
            params: The parameters it will be built with.

        Raises:
            PluginError: If the plugin's own function fails: results must not lose a remark.
        """
        if not isinstance(self.spec, ComponentSpec) or not self.spec.remarks:
            return []
        function = self._import(self.spec.remarks)
        try:
            return [str(remark) for remark in function(**params)]
        except Exception as error:
            raise PluginError(
                f"{self.id}: {self.spec.remarks} failed: {_one_line(error)}", self._blame()
            ) from error

    def _import(self, target: str) -> Any:
        module, _, path = target.partition(":")
        try:
            found: Any = importlib.import_module(module)
            for name in path.split("."):
                found = getattr(found, name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit included: importing is not running
            raise PluginError(
                f"{self.id}: cannot import {target}: {_one_line(error)}", self._blame()
            ) from error
        return found

    def _blame(self) -> str:
        if not self.plugin_dist:
            return "correct the component's declaration"
        return f"report it to the authors of {self.plugin_dist} {self.plugin_version}"


def _one_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__


def _importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):  # a missing parent package; a module without a spec
        return False


@lru_cache
def _is_editable(dist: str) -> bool:
    try:
        text = distribution(dist).read_text("direct_url.json")
    except PackageNotFoundError:
        return False
    return text is not None and bool(json.loads(text).get("dir_info", {}).get("editable"))


@lru_cache
def _source_digest(modules: tuple[str, ...]) -> str | None:
    files: dict[str, Path] = {}
    for module in modules:
        spec = importlib.util.find_spec(module)
        if spec is None or not spec.origin:
            continue
        origin = Path(spec.origin)
        package = module if spec.submodule_search_locations else module.rpartition(".")[0]
        if not package:  # a plugin of one file has no package around it
            files[module] = origin
            continue
        for file in origin.parent.rglob("*.py"):
            files[f"{package}/{file.relative_to(origin.parent).as_posix()}"] = file
    if not files:
        return None
    digest = sha256()
    for name, file in sorted(files.items()):
        digest.update(f"{name}\0{sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()
