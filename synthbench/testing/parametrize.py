"""The checks as parameters of a pytest test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synthbench.registry import Registry
    from synthbench.testing.checks import Check, Level, Result
    from synthbench.testing.specimens import Specimen


def parametrize_plugin_checks(
    *names: str,
    level: Level = 1,
    xfail: Mapping[str, str] | None = None,
    data_root: Path | None = None,
    registry: Registry | None = None,
) -> Any:
    """Run a test once for every check of a plugin; the test takes ``check`` and calls it.

    ``check()`` returns when the check passes, raises `AssertionError` with a line that says why
    when it fails, skips where a package or data is missing, and is an expected failure where
    ``xfail`` says so. A last parameter fails if everything else was skipped.

    Args:
        names: Plugins (entry-point names), components (``core/l1``, ``losses:l1``), patterns or
            ``all``.
        level: 0 for what is declared, 1 for what the components do as well.
        xfail: Reasons by check (``"any-size"``) or by check of one component
            (``"translators:acme/net:any-size"``). One of them that passes is a failure.
        data_root: Folder of the dataset under test; else it is looked for as in a run.
        registry: Default: everything installed.

    Raises:
        UsageError: For a name or a key of ``xfail`` that stands for nothing.
        PluginError: For a component of a plugin that is not usable.
    """
    import pytest

    from synthbench.registry import load_registry
    from synthbench.testing.checks import checks_of, expectation
    from synthbench.testing.specimens import select

    registry = load_registry() if registry is None else registry
    parameters = []
    declared, met = xfail or {}, set()
    for name in names:
        group: list[_Bound] = []
        for specimen in select(registry, name, data_root):
            for each in checks_of(specimen, level):
                expected = expectation(declared, specimen, each)
                met.add(expected[0] if expected else "")
                group.append(_Bound(each, specimen, expected[1] if expected else None))
        parameters += [pytest.param(bound, id=bound.id) for bound in group]
        parameters.append(
            pytest.param(_anything_checked(name, group), id=f"{name}:anything-checked")
        )
    _refuse_unknown(declared, met)
    return pytest.mark.parametrize("check", parameters)


class _Bound:
    """One check of one specimen, made at most once."""

    def __init__(self, check: Check, specimen: Specimen, expected: str | None) -> None:
        self.check, self.specimen, self.expected = check, specimen, expected
        self.id = f"{specimen.label}:{check.name}"
        self._result: Result | None = None

    def result(self) -> Result:
        from synthbench.testing.checks import run

        if self._result is None:
            self._result = run(self.check, self.specimen, self.expected)
        return self._result

    def __call__(self) -> None:
        _report(self.result())


def _anything_checked(name: str, group: list[_Bound]) -> Callable[[], None]:
    def call() -> None:
        from synthbench.testing.checks import nothing_checked

        highest = max((bound.check.level for bound in group), default=0)
        results = []
        for bound in group:
            if bound.check.level == highest:
                results.append(bound.result())
                if results[-1].verdict != "skip":
                    return
        failure = nothing_checked(name, results)
        assert failure is not None
        _report(failure)

    return call


def _report(result: Result) -> None:
    import pytest

    if result.verdict == "skip":
        pytest.skip(result.reason)
    if result.verdict == "xfail":
        pytest.xfail(result.reason)
    if result.verdict == "fail":
        raise AssertionError(result.reason)


def _refuse_unknown(declared: Mapping[str, str], met: set[str]) -> None:
    from synthbench.api.errors import UsageError
    from synthbench.registry.names import did_you_mean
    from synthbench.testing.checks import checks_up_to

    for key in declared:
        if key not in met:
            raise UsageError(
                f"xfail: no check here is called {key!r}",
                did_you_mean(key, (check.name for check in checks_up_to(1))),
            )
