"""Finding and loading plugins, each under a guard.

pluggy's own entry-point loader stops at the first plugin that raises, and lets an accident of
installation order decide between two plugins of one name. Here every plugin is loaded and called
alone: what one does wrong is recorded against it, and takes nothing else down.
"""

from __future__ import annotations

import contextlib
import inspect
import re
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any

import pluggy

from synthbench.api import hooks
from synthbench.api.specs import ComponentSpec, MethodSpec
from synthbench.registry.entries import KINDS, Entry, Kind
from synthbench.registry.names import CORE, did_you_mean, is_legal
from synthbench.registry.status import PluginState, PluginStatus
from synthbench.registry.validation import InvalidSpecError, checked_specs

GROUP = "synthbench"
_CORE_DISTRIBUTION = "synthbench"
_PREFIX = "synthbench_"


@dataclass(frozen=True)
class Candidate:
    """A plugin that is installed, not loaded yet."""

    name: str
    dist: str
    version: str
    point: EntryPoint

    @property
    def owner(self) -> str:
        """First half of its components' ids."""
        return CORE if self.dist == _CORE_DISTRIBUTION else self.name


class _IncompatibleError(Exception):
    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def installed() -> list[Candidate]:
    """Return every plugin of the installed distributions, core first, then by name."""
    found = [candidate(point) for point in entry_points(group=GROUP)]
    return sorted(found, key=lambda c: (c.owner != CORE, c.name, c.dist))


def candidate(point: EntryPoint) -> Candidate:
    """Describe one entry point."""
    dist = point.dist
    name = re.sub(r"[-_.]+", "-", dist.name).lower() if dist else ""
    return Candidate(point.name, name, dist.version if dist else "", point)


def sort_out(
    candidates: Iterable[Candidate], allowed: Collection[str] | None
) -> tuple[list[Candidate], list[PluginStatus]]:
    """Separate what may be loaded from what must not be.

    Args:
        candidates: What is installed.
        allowed: Names of the third-party plugins to load; ``None`` for all.

    Returns:
        Plugins to load, and the statuses of disabled, conflicting and ill-named ones.
    """
    by_name: dict[str, list[Candidate]] = defaultdict(list)
    load: list[Candidate] = []
    refused: list[PluginStatus] = []
    for each in candidates:
        if each.owner == CORE and each.dist == _CORE_DISTRIBUTION:
            load.append(each)
        else:
            by_name[each.name].append(each)
    for name, claims in by_name.items():
        if allowed is not None and name not in allowed:
            refused += [
                _refusal(each, "disabled", "left out by SYNTHBENCH_PLUGINS or --no-plugins", "")
                for each in claims
            ]
        elif len(claims) > 1:
            dists = [each.dist for each in claims]
            refused += [
                _refusal(
                    each,
                    "conflict",
                    f"{' and '.join(dists)} both bring a plugin named {name!r}",
                    f"keep one of them: pip uninstall {each.dist}",
                )
                for each in claims
            ]
        elif name == CORE or not is_legal(name):
            refused.append(
                _refusal(
                    claims[0],
                    "broken",
                    f"illegal or reserved plugin name {name!r}: lower-case letters, digits, _, -",
                    _removal(claims[0].dist),
                )
            )
        else:
            load += claims
    return load, refused


def _refusal(each: Candidate, state: PluginState, error: str, hint: str) -> PluginStatus:
    return PluginStatus(each.name, each.dist, each.version, state, error, hint)


def _removal(dist: str) -> str:
    return f"report it to its authors, or remove it: pip uninstall {dist}" if dist else ""


class Loader:
    """Registers plugins with pluggy and reads what they declare."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(hooks)

    def load(self, each: Candidate, taken: Collection[tuple[Kind, str]]) -> Loaded:
        """Import one installed plugin and read its declarations; never raises but for Ctrl-C.

        Args:
            each: The plugin.
            taken: Kind and id of the components loaded so far.
        """
        return self._guarded(each, taken, lambda: each.point.load(), each.point.module)

    def adopt(self, plugin: Any, name: str, taken: Collection[tuple[Kind, str]]) -> Loaded:
        """Register an object of the running program as a plugin named ``name``."""
        each = Candidate(name, "", "", EntryPoint(name, "", GROUP))
        module = plugin.__name__ if isinstance(plugin, ModuleType) else type(plugin).__module__
        return self._guarded(each, taken, lambda: plugin, module)

    def call(self, key: str, hook: str, **arguments: Any) -> list[Any]:
        """Call one plugin's implementations of a hook and no other plugin's."""
        plugin = self.manager.get_plugin(key)
        others = [other for other in self.manager.get_plugins() if other is not plugin]
        answers: list[Any] = self.manager.subset_hook_caller(hook, others)(**arguments)
        return answers

    def _guarded(
        self, each: Candidate, taken: Collection[tuple[Kind, str]], source: Any, module: str
    ) -> Loaded:
        key = key_of(each.dist, each.name)
        status = PluginStatus(each.name, each.dist, each.version)
        entries: list[Entry] = []
        started = time.perf_counter()
        try:
            # A plugin that prints must not spoil `--json` on standard output.
            with contextlib.redirect_stdout(sys.stderr):
                plugin = source()
                notes = _check_version(plugin, each)
                self.manager.register(plugin, name=key)
                notes += _doubtful_hooks(plugin)
                entries = self._declared(each, key, module)
                _refuse_duplicates(entries, taken)
            status = replace(status, warnings=tuple(notes))
        except KeyboardInterrupt:
            self._forget(key)
            raise
        except BaseException as error:  # SystemExit at import included
            self._forget(key)
            status = replace(status, **_verdict(error, each))
            return Loaded(
                replace(status, seconds=time.perf_counter() - started), (), tuple(entries), error
            )
        return Loaded(replace(status, seconds=time.perf_counter() - started), tuple(entries))

    def _declared(self, each: Candidate, key: str, module: str) -> list[Entry]:
        entries = []
        for kind in KINDS:
            specs: list[ComponentSpec | MethodSpec] = []
            for answer in self.call(key, f"{_PREFIX}{kind}"):
                specs += checked_specs(kind, answer)
            entries += [
                Entry(
                    kind=kind,
                    id=f"{each.owner}/{spec.name}",
                    spec=spec,
                    owner=each.owner,
                    plugin=each.name,
                    plugin_module=module,
                    plugin_dist=each.dist,
                    plugin_version=each.version,
                )
                for spec in specs
            ]
        return entries

    def _forget(self, key: str) -> None:
        if self.manager.has_plugin(key):
            self.manager.unregister(name=key)


@dataclass(frozen=True)
class Loaded:
    """Outcome of loading one plugin.

    Attributes:
        status: How it went.
        entries: What it brings; empty unless it is usable.
        withheld: What it would have brought had it been sound, as far as that is known.
        error: What it raised.
    """

    status: PluginStatus
    entries: tuple[Entry, ...] = ()
    withheld: tuple[Entry, ...] = ()
    error: BaseException | None = None


def key_of(dist: str, name: str) -> str:
    """Name of a plugin inside pluggy; entry-point names alone may repeat across distributions."""
    return f"{dist}:{name}"


def _verdict(error: BaseException, each: Candidate) -> dict[str, Any]:
    if isinstance(error, _IncompatibleError):
        return {"state": "incompatible", "error": str(error), "hint": error.hint}
    lines = str(error).strip().splitlines() or [""]
    # pluggy names the argument at fault in its last line only.
    reason = "; ".join(lines) if isinstance(error, pluggy.PluginValidationError) else lines[0]
    if not isinstance(error, InvalidSpecError):
        reason = f"{type(error).__name__}: {reason}".rstrip(": ")
    return {
        "state": "broken",
        "error": reason,
        "hint": _removal(each.dist),
        "traceback": "".join(traceback.format_exception(error)),
    }


def _check_version(plugin: Any, each: Candidate) -> list[str]:
    stated = getattr(plugin, f"{_PREFIX}api_version", None)
    if stated is None:
        if not each.dist:
            return []  # part of the running program, so of this very version
        return ["it does not state its synthbench_api_version; treated as 1.0"]
    match = re.fullmatch(r"(\d+)\.(\d+)", str(stated))
    if match is None:
        raise InvalidSpecError(f"synthbench_api_version is {stated!r}; it must look like '1.0'")
    major, minor = int(match[1]), int(match[2])
    core_major, core_minor = (int(part) for part in hooks.API_VERSION.split("."))
    if (major, minor) > (core_major, core_minor):
        fix = "pip install --upgrade synthbench"
    elif major < core_major:
        fix = f"pip install --upgrade {each.dist}"
    else:
        return []
    raise _IncompatibleError(
        f"it is written for interface {stated}, this is interface {hooks.API_VERSION}", fix
    )


def _doubtful_hooks(plugin: Any) -> list[str]:
    """Find functions meant as hooks that pluggy would silently never call."""
    known = [name for name in vars(hooks) if name.startswith(_PREFIX)]
    notes = []
    for name in dir(plugin):
        function = getattr(plugin, name, None)
        if not inspect.isroutine(function):
            continue
        # Set by synthbench.api.hookimpl, whatever the function is called.
        marked = isinstance(getattr(function, f"{GROUP}_impl", None), dict)
        if name not in known and (marked or name.startswith(_PREFIX)):
            guess = did_you_mean(name, known)
            notes.append(f"there is no hook {name!r}" + (f"; {guess}" if guess else ""))
        elif name in known and not marked:
            notes.append(f"{name} is not marked with @hookimpl and never called")
    return notes


def _refuse_duplicates(entries: Iterable[Entry], taken: Collection[tuple[Kind, str]]) -> None:
    for entry in entries:
        if (entry.kind, entry.id) in taken:
            raise InvalidSpecError(
                f"{entry.kind}: {entry.id} is already declared by another plugin of its owner"
            )
