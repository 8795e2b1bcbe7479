"""What is checked: a plugin, or one of its components."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from synthbench.api.errors import PluginError, UsageError
from synthbench.registry import KINDS, Entry, Kind, PluginStatus, Registry
from synthbench.registry.names import did_you_mean
from synthbench.testing.verdicts import Skipped

if TYPE_CHECKING:
    from synthbench.api.recipe import Recipe
    from synthbench.execution.methods import Method

_T = TypeVar("_T")


class Catalogue:
    """A registry with what its methods' smoke recipes say of their parts.

    Args:
        registry: Where everything is found.
        data_root: Folder of the dataset under test, where the user gives one.
    """

    def __init__(self, registry: Registry, data_root: Path | None = None) -> None:
        self.registry = registry
        self.data_root = data_root

    def method(self, entry: Entry, sources: int = 1, preset: str = "smoke") -> Method:
        """Resolve a method as a run with this many source modalities would."""
        from synthbench.execution.methods import resolve_methods
        from synthbench.suite import Suite

        suite = Suite.model_validate({"methods": [entry.id], "preset": preset})
        (method,) = resolve_methods(self.registry, suite, sources)
        return method

    @cached_property
    def methods(self) -> list[tuple[Entry, Method]]:
        """Every method that can be resolved, published ones before their variants."""
        entries = sorted(
            self.registry.all("methods"), key=lambda entry: bool(entry.spec.variant_of)
        )
        resolved = [(entry, self.method(entry)) for entry in entries]
        return [(entry, method) for entry, method in resolved if method.components]

    def users(self, entry: Entry) -> Iterator[tuple[Entry, Mapping[str, Any]]]:
        """Yield what uses a component, a method or its own preset, with the parameters it gives."""
        for preset in ("smoke", "quick") if entry.kind == "segmenters" else ():
            yield entry, entry.spec.presets.get(preset, {})
        for user, method in self.methods:
            for kind, name, params in parts(method.recipe):
                if (kind, name) == (entry.kind, entry.id):
                    yield user, params

    def params(self, entry: Entry) -> Mapping[str, Any]:
        """Parameters a component is checked with: those for the preset smoke, else its defaults."""
        return next((params for _, params in self.users(entry)), {})


@dataclass(eq=False)
class Specimen:
    """A plugin or a component under test.

    Attributes:
        kind: ``plugins``, or the kind of component.
        id: Name of the plugin, or canonical id.
        catalogue: The registry around it.
        entry: The component.
        status: The plugin.
    """

    kind: str
    id: str
    catalogue: Catalogue
    entry: Entry | None = None
    status: PluginStatus | None = None
    _made: dict[Any, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """As shown, and as it can be asked for: ``losses:core/l1``."""
        return f"{self.kind}:{self.id}"

    @property
    def registry(self) -> Registry:
        """Where everything is found."""
        return self.catalogue.registry

    @property
    def component(self) -> Entry:
        """The component; only for specimens that are one."""
        assert self.entry is not None
        return self.entry

    def once(self, make: Callable[[Specimen], _T]) -> _T:
        """Return ``make(self)``, made once for all checks.

        Raises:
            Skipped: If making it failed before: one check that fails for it is enough.
        """
        if make not in self._made:
            self._made[make] = Skipped("it needs what failed in another check")
            try:
                self._made[make] = make(self)
            except Skipped as reason:
                self._made[make] = reason
        if isinstance(self._made[make], Skipped):
            raise self._made[make]
        return cast("_T", self._made[make])

    def forget(self) -> None:
        """Drop what the checks shared."""
        self._made.clear()


def parts(recipe: Recipe) -> Iterator[tuple[Kind, str, Mapping[str, Any]]]:
    """Yield kind, name and parameters of every component that a recipe names."""
    yield "translators", recipe.translator.name, recipe.translator.params
    for term in recipe.discriminators:
        yield "discriminators", term.name, term.params
        yield "losses", term.adversarial.name, term.adversarial.params
    for loss in recipe.losses:
        yield "losses", loss.name, loss.params


def select(registry: Registry, name: str, data_root: Path | None = None) -> list[Specimen]:
    """Return what a name stands for.

    Args:
        registry: Where it is looked for.
        name: A plugin (it and all it brings), a component's id, short name or pattern, one of
            these behind ``kind:``, or ``all``.
        data_root: Folder of the dataset among them.

    Raises:
        UsageError: For a name that is unknown or ambiguous, or a folder that no or several
            datasets could read.
        PluginError: For a component of a plugin that is not usable.
    """
    catalogue = Catalogue(registry, data_root)
    found = list(_named(catalogue, name))
    if data_root is not None:
        readers = [s for s in found if s.entry is not None and _reads_folder(s.entry)]
        if len(readers) != 1:
            raise UsageError(
                f"{name} has {len(readers)} datasets that read a folder",
                "give --data-root together with the name of one dataset",
            )
    return found


def _reads_folder(entry: Entry) -> bool:
    return entry.kind == "datasets" and entry.spec.needs_root


def _named(catalogue: Catalogue, name: str) -> Iterator[Specimen]:
    registry = catalogue.registry
    kind, colon, rest = name.partition(":")
    if colon and kind in KINDS:
        for entry in registry.select(kind, [rest]):
            yield _component(catalogue, entry)
        return
    wanted = rest if colon and kind == "plugins" else name
    plugins = [s for s in registry.plugins if wanted in (s.name, "all")]
    for status in plugins:
        yield Specimen("plugins", status.name, catalogue, status=status)
        for each in KINDS:
            for entry in registry.all(each):
                if (entry.plugin, entry.plugin_dist) == (status.name, status.dist):
                    yield _component(catalogue, entry)
    if not plugins:
        yield from _components(catalogue, name)


def _components(catalogue: Catalogue, name: str) -> Iterator[Specimen]:
    registry = catalogue.registry
    entries: list[Entry] = []
    refusal: PluginError | None = None
    for kind in KINDS:
        try:
            entries += registry.select(kind, [name])
        except PluginError as error:
            refusal = error
        except UsageError as error:
            if "ambiguous" in error.message:
                raise
    if not entries and refusal is not None:
        raise refusal
    if not entries:
        known = [status.name for status in registry.plugins]
        known += [entry.id for kind in KINDS for entry in registry.all(kind)]
        raise UsageError(
            f"nothing is called {name!r}",
            did_you_mean(name, known, otherwise="see `synthbench list`"),
        )
    for entry in entries:
        yield _component(catalogue, entry)


def _component(catalogue: Catalogue, entry: Entry) -> Specimen:
    return Specimen(entry.kind, entry.id, catalogue, entry=entry)
