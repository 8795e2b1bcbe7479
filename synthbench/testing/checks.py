"""What a check is, and running it."""

from __future__ import annotations

import inspect
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Literal
from unittest import mock

from synthbench.api.errors import SynthbenchError
from synthbench.testing.specimens import Specimen
from synthbench.testing.verdicts import Failed, Skipped

#: 0: what the plugin says; 1: what its components do, on a CPU and tiny data.
Level = Literal[0, 1]
Verdict = Literal["pass", "fail", "skip", "xfail"]

#: Modules with checks, in the order in which their checks are run and documented.
_MODULES: dict[Level, tuple[str, ...]] = {
    0: ("static",),
    1: (
        "translators",
        "methods",
        "discriminators",
        "losses",
        "adversarial",
        "datasets",
        "evaluators",
        "segmenters",
    ),
}
_checks: list[Check] = []


@dataclass(frozen=True)
class Check:
    """One demand.

    Attributes:
        name: Short name, unique among the checks of a kind.
        kinds: What it applies to: ``plugins`` or kinds of components.
        level: See :data:`Level`.
        demands: What has to hold, as documented.
        function: Makes the check; raises `Skipped`, `Failed` or whatever the plugin raises.
        applies: Narrows it down further, e.g. to adversarial pairs.
    """

    name: str
    kinds: tuple[str, ...]
    level: Level
    demands: str
    function: Callable[[Specimen], None]
    applies: Callable[[Specimen], bool]


@dataclass(frozen=True)
class Result:
    """How one check of one specimen ended.

    Attributes:
        specimen: ``kind:id`` of what was checked.
        check: Name of the check.
        level: Its level.
        verdict: See :data:`Verdict`.
        reason: Why it did not pass, one line.
        seconds: Time it took.
    """

    specimen: str
    check: str
    level: Level
    verdict: Verdict
    reason: str = ""
    seconds: float = 0.0


def check(
    *kinds: str, level: Level, applies: Callable[[Specimen], bool] = lambda _: True
) -> Callable[[Callable[[Specimen], None]], Callable[[Specimen], None]]:
    """Make a function a check, named after it; its docstring says what it demands."""

    def register(function: Callable[[Specimen], None]) -> Callable[[Specimen], None]:
        name = function.__name__.strip("_").replace("_", "-")
        demands = " ".join((inspect.getdoc(function) or "").split())
        _checks.append(Check(name, kinds, level, demands, function, applies))
        return function

    return register


def checks_up_to(level: Level) -> list[Check]:
    """Return every check of this level and below, in the order of documentation."""
    for each, modules in _MODULES.items():
        if each <= level:
            for module in modules:
                import_module(f"synthbench.testing.{module}")
    return sorted((c for c in _checks if c.level <= level), key=lambda c: c.level)


def checks_of(specimen: Specimen, level: Level) -> list[Check]:
    """Return the checks that apply to one specimen."""
    return [c for c in checks_up_to(level) if specimen.kind in c.kinds and c.applies(specimen)]


_latest: Specimen | None = None


def run(check: Check, specimen: Specimen, expected: str | None = None) -> Result:
    """Make one check.

    Args:
        check: What to check.
        specimen: What it is checked on.
        expected: Why its author declares it to fail; passing is then a failure, so that
            declarations do not outlive their reason.
    """
    global _latest
    if _latest is not None and _latest is not specimen:
        _latest.forget()  # trained networks of what was checked before
    _latest = specimen
    result = Result(specimen.label, check.name, check.level, "pass")
    started = time.perf_counter()
    try:
        with _surroundings(check.level):
            if check.level > 0:
                _ready(specimen)
            check.function(specimen)
    except KeyboardInterrupt:
        raise
    except Skipped as reason:
        result = replace(result, verdict="skip", reason=str(reason))
    except BaseException as error:  # SystemExit included: a check must not end the others
        result = replace(result, verdict="fail", reason=reason_of(error))
    if expected is not None and result.verdict == "fail":
        result = replace(result, verdict="xfail", reason=f"{expected} ({result.reason})")
    elif expected is not None and result.verdict == "pass":
        result = replace(
            result, verdict="fail", reason=f"passes, but is declared to fail: {expected}"
        )
    return replace(result, seconds=round(time.perf_counter() - started, 3))


def nothing_checked(name: str, results: Sequence[Result]) -> Result | None:
    """Return a failure where no check of the highest level was made, all being skipped.

    Args:
        name: What was asked for.
        results: All results for it.
    """
    highest: Level = max((result.level for result in results), default=0)
    made = [result for result in results if result.level == highest]
    if any(result.verdict != "skip" for result in made):
        return None
    reason = f"every check was skipped: {made[0].reason}" if made else "there is nothing to check"
    return Result(name, "anything-checked", highest, "fail", reason)


def reason_of(error: BaseException) -> str:
    """Say in one line what went wrong and, for a crash, where."""
    if isinstance(error, Failed):
        return str(error)
    if isinstance(error, SynthbenchError):
        return f"{type(error).__name__}: {error.message}"
    text = str(error).strip().splitlines()
    what = f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    return f"{what} ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else what


def _ready(specimen: Specimen) -> None:
    """Skip what cannot run here; why it cannot be imported is said by a check of level 0."""
    entry = specimen.entry
    if entry is None or entry.kind == "methods":
        return
    if missing := entry.missing(specimen.catalogue.params(entry)):
        raise Skipped(missing[0][0])
    try:
        entry.resolve()
    except SynthbenchError as error:
        raise Skipped(f"its class cannot be used, see the check `target` ({entry.id})") from error


@contextmanager
def _surroundings(level: Level) -> Iterator[None]:
    if level == 0:
        yield
        return
    import torch

    from synthbench.testing.guard import settings_kept
    from synthbench.training.components import seed_everything

    # Verdicts must not depend on the machine, and GPUs are not deterministic bit for bit.
    no_gpu = mock.patch.object(torch.cuda, "is_available", return_value=False)
    with settings_kept(), no_gpu:
        seed_everything(0)
        yield


def expectation(
    xfail: Mapping[str, str], specimen: Specimen, check: Check
) -> tuple[str, str] | None:
    """Return the declared failure that means this check, as (key, reason)."""
    for key in (f"{specimen.label}:{check.name}", check.name):
        if key in xfail:
            return key, xfail[key]
    return None
