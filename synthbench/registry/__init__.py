"""Which components are installed, by name; their classes are imported only when used."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from synthbench.api.errors import PluginError, UsageError
from synthbench.api.specs import MethodSpec
from synthbench.registry.discovery import Candidate, Loaded, Loader, installed, key_of, sort_out
from synthbench.registry.entries import KINDS, Entry, Kind
from synthbench.registry.names import CORE, did_you_mean
from synthbench.registry.status import PluginState, PluginStatus

__all__ = ["KINDS", "Entry", "Kind", "PluginState", "PluginStatus", "Registry", "load_registry"]

#: Comma-separated names of the third-party plugins to load; empty for none, unset for all.
PLUGINS_VARIABLE = "SYNTHBENCH_PLUGINS"
#: ``1`` makes a plugin that is not usable an error instead of a note (for authors and CI).
STRICT_VARIABLE = "SYNTHBENCH_STRICT_PLUGINS"

_log = logging.getLogger("synthbench.registry")
_cached: Registry | None = None


def load_registry(*, refresh: bool = False) -> Registry:
    """Return the registry of everything installed, loaded once a process.

    Args:
        refresh: Discover again, e.g. after the environment variables changed.

    Raises:
        PluginError: Under ``SYNTHBENCH_STRICT_PLUGINS=1``, if a plugin is not usable.
    """
    global _cached
    if _cached is None or refresh:
        _cached = None  # a failure below must not leave a half-filled registry behind
        listed = os.environ.get(PLUGINS_VARIABLE)
        allowed = None if listed is None else {n.strip() for n in listed.split(",") if n.strip()}
        _cached = Registry(
            installed(), allowed=allowed, strict=os.environ.get(STRICT_VARIABLE) == "1"
        )
    return _cached


class Registry:
    """Every component by kind and name.

    Args:
        candidates: The plugins to load, in this order.
        allowed: Names of the third-party plugins to load; ``None`` for all.
        strict: Raise for a plugin that is neither usable nor disabled.

    Attributes:
        plugins: What became of each plugin, core's first.
    """

    def __init__(
        self,
        candidates: Iterable[Candidate],
        *,
        allowed: Collection[str] | None = None,
        strict: bool = False,
    ) -> None:
        self.plugins: list[PluginStatus] = []
        self._loader = Loader()
        self._entries: dict[tuple[Kind, str], Entry] = {}
        self._withheld: dict[tuple[Kind, str], PluginStatus] = {}
        self._local: dict[str, list[tuple[Kind, str]]] = {}
        everything = list(candidates)
        load, refused = sort_out(everything, allowed)
        for each in load:
            self._take_in(self._loader.load(each, self._entries), strict)
        self.plugins += refused
        bad = [status for status in self.plugins if not status.deliberate]
        if bad and strict:
            raise _unusable(bad[0])
        if bad:
            told = "; ".join(f"{status.name} ({status.state}: {status.error})" for status in bad)
            _log.warning("plugins not usable: %s; see `synthbench list plugins`", told)
        for name in sorted(set(allowed or ()) - {each.name for each in everything}):
            guess = did_you_mean(name, (each.name for each in everything if each.owner != CORE))
            _log.warning("%s names %s, which is not installed %s", PLUGINS_VARIABLE, name, guess)

    def all(self, kind: Kind) -> list[Entry]:
        """Return the components of one kind, sorted by id."""
        return sorted(
            (entry for (its_kind, _), entry in self._entries.items() if its_kind == kind),
            key=lambda entry: entry.id,
        )

    def get(self, kind: Kind, name: str, *, owner: str = "") -> Entry:
        """Return the component called ``name``.

        Args:
            kind: Which of the interfaces.
            name: Canonical ``owner/name``, or a short name that is unique or that core has.
            owner: Who is asking, so that a recipe's short names mean its own plugin's components
                first.

        Raises:
            UsageError: For a name that is unknown or ambiguous.
            PluginError: For a name that belongs to a plugin that is not usable.
        """
        wanted = [name] if "/" in name else [f"{owner}/{name}", f"{CORE}/{name}"]
        for full in wanted:
            if (kind, full) in self._entries:
                return self._entries[kind, full]
        candidates = [entry for entry in self.all(kind) if entry.name == name]
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            raise UsageError(
                f"{kind}: {name!r} is ambiguous",
                f"write one of {', '.join(entry.id for entry in candidates)}",
            )
        culprit = self._culprit(kind, name)
        if culprit is not None:
            raise _unusable(culprit, f"{kind}: {name!r} is not available: ")
        raise UsageError(f"{kind}: there is no {name!r}", self._hint(kind, name))

    def select(self, kind: Kind, patterns: Sequence[str]) -> list[Entry]:
        """Return the components that names and patterns ask for.

        Args:
            kind: Which of the interfaces.
            patterns: Names, shell patterns over short or canonical ids (``"mdaunet_gan*"``), or
                ``all``: everything, except methods that are variants of another.

        Returns:
            In order of appearance, without duplicates.

        Raises:
            UsageError: For a name that is unknown or a pattern that matches nothing.
            PluginError: For a name that belongs to a plugin that is not usable.
        """
        chosen: dict[str, Entry] = {}
        for pattern in patterns:
            for entry in self._matching(kind, pattern):
                chosen.setdefault(entry.id, entry)
        return list(chosen.values())

    def notify(self, hook_name: str, **arguments: Any) -> None:
        """Tell every plugin that implements a notification; what one raises is only logged."""
        for key, plugin in self._loader.manager.list_name_plugin():
            if not hasattr(plugin, hook_name):
                continue
            try:
                self._loader.call(key, hook_name, **arguments)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # a listener must not end the run it listens to
                self._note_failure(key, hook_name, error)

    def locate_data(self, dataset_id: str) -> Path | None:
        """Ask the plugins where a dataset lies; the first answer counts.

        Args:
            dataset_id: Canonical id.
        """
        for key, plugin in self._loader.manager.list_name_plugin():
            if not hasattr(plugin, "synthbench_locate_data"):
                continue
            try:
                for answer in self._loader.call(key, "synthbench_locate_data", dataset=dataset_id):
                    return Path(answer)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # one plugin's mistake must not hide another's answer
                self._note_failure(key, "synthbench_locate_data", error)
        return None

    def register_local(self, plugin: Any, name: str) -> None:
        """Register a module or object of the running program, replacing an earlier one of the name.

        Its components, if it declares any, are called ``name/...``.

        Raises:
            PluginError: If what it declares is invalid.
        """
        key = key_of("", name)
        if name in self._local:
            self._loader.manager.unregister(name=key)
            for known in self._local.pop(name):
                del self._entries[known]
            self.plugins = [s for s in self.plugins if (s.dist, s.name) != ("", name)]
        loaded = self._loader.adopt(plugin, name, self._entries)
        self._take_in(loaded, strict=True)
        self._local[name] = [(entry.kind, entry.id) for entry in loaded.entries]

    def _take_in(self, loaded: Loaded, strict: bool) -> None:
        if strict and not loaded.status.usable:
            raise _unusable(loaded.status) from loaded.error
        self.plugins.append(loaded.status)
        for entry in loaded.entries:
            self._entries[entry.kind, entry.id] = entry
        for entry in loaded.withheld:
            self._withheld[entry.kind, entry.id] = loaded.status
        for note in loaded.status.warnings:
            _log.warning("plugin %s: %s", loaded.status.name, note)

    def _matching(self, kind: Kind, pattern: str) -> list[Entry]:
        if pattern == "all":
            return [
                entry
                for entry in self.all(kind)
                if not (isinstance(entry.spec, MethodSpec) and entry.spec.variant_of)
            ]
        if not any(sign in pattern for sign in "*?["):
            return [self.get(kind, pattern)]
        found = [
            entry
            for entry in self.all(kind)
            if fnmatchcase(entry.id, pattern) or fnmatchcase(entry.name, pattern)
        ]
        if not found:
            raise UsageError(
                f"{kind}: nothing matches {pattern!r}", f"see `synthbench list {kind}`"
            )
        return found

    def _culprit(self, kind: Kind, name: str) -> PluginStatus | None:
        """Find the unusable plugin that a name would have come from."""
        owner, _, short = name.rpartition("/")
        for (its_kind, full), status in self._withheld.items():
            if its_kind == kind and (full == name or (not owner and full.endswith(f"/{short}"))):
                return status
        for status in self.plugins:
            if not status.usable and status.name == (owner or short):
                return status
        return None

    def _hint(self, kind: Kind, name: str) -> str:
        guess = did_you_mean(name, (entry.id for entry in self.all(kind)))
        bad = [status.name for status in self.plugins if not status.usable]
        if bad:
            guess = f"{guess} (not loaded: {', '.join(bad)}; see `synthbench list plugins`)".strip()
        return guess or f"see `synthbench list {kind}`"

    def _note_failure(self, key: str, hook: str, error: BaseException) -> None:
        name = key.rpartition(":")[2]
        _log.warning("plugin %s failed in %s: %s", name, hook, type(error).__name__, exc_info=error)


def _unusable(status: PluginStatus, prefix: str = "") -> PluginError:
    origin = f" ({status.dist} {status.version})" if status.dist else ""
    return PluginError(
        f"{prefix}plugin {status.name}{origin} is {status.state}: {status.error}", status.hint
    )
