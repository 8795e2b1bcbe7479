"""Which metric in which region becomes a column of a table."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pandas as pd

from synthbench.api.errors import UsageError
from synthbench.registry.names import did_you_mean
from synthbench.report.run_folder import RunFolder, of_task

#: Metrics shown for each evaluator unless ``--metrics`` says otherwise.
DEFAULT_METRICS = 4
#: How many of them are also shown for the whole volume.
DEFAULT_WHOLE = 2
REGION_NAMES = {"whole": "whole volume"}
#: Regions that every run has come first; a dataset's label regions follow by name.
_REGION_ORDER = ("foreground", "whole")
_Pair = tuple[str, str]


@dataclass(frozen=True)
class Column:
    """A column: one metric in one region.

    Attributes:
        metric: Name of the metric.
        label: As printed.
        region: ``foreground``, ``whole`` or a label region.
        evaluator: Which evaluator gives it.
        version: Version of the metric.
        higher_is_better: Direction of improvement.
        unit: Physical unit, or ``""``.
        decimals: Digits after the point.
        data_range: Where the dynamic range comes from, in words.
        definition: Formula in one line.
        region_definition: Which voxels the region has, where the evaluator says so.
    """

    metric: str
    label: str
    region: str
    evaluator: str
    version: str
    higher_is_better: bool
    unit: str
    decimals: int
    data_range: str
    definition: str
    region_definition: str = ""

    @property
    def region_name(self) -> str:
        """The region in words."""
        return REGION_NAMES.get(self.region, self.region.replace("_", " "))

    @property
    def arrow(self) -> str:
        """Direction of improvement as an arrow."""
        return "↑" if self.higher_is_better else "↓"

    @property
    def title(self) -> str:
        """Label, direction and unit, without the region."""
        return f"{self.label} {self.arrow}" + (f" ({self.unit})" if self.unit else "")

    @property
    def name(self) -> str:
        """Label and region, for sentences."""
        return f"{self.label} ({self.region_name})"

    def format(self, value: float) -> str:
        """Print a value with this column's digits, without a negative zero."""
        return f"{round(value, self.decimals) + 0.0:.{self.decimals}f}"


def signed(value: float, digits: int) -> str:
    """Print a difference with its sign; what rounds to zero is no negative zero."""
    return f"{round(value, digits) + 0.0:+.{digits}f}"


def percent(part: float) -> str:
    """Print a confidence level: ``95%``, and ``99.9%`` where it is not a whole number."""
    return f"{100 * part:.6g}%"


def select_columns(
    run: RunFolder,
    dataset: str,
    task: str,
    metrics: Sequence[str] = (),
    regions: Sequence[str] = (),
) -> list[Column]:
    """Choose the columns of a table, grouped by region.

    By default a table has to be readable in ten seconds: the first four metrics of every
    evaluator, in the order the evaluator declares them, in the foreground (in the whole volume
    where no foreground was scored), then the first two of them in the whole volume too. Of an
    evaluator that scored neither (of segmentations, say), the first two metrics in the region it
    names first. Fewer columns also mean fewer tests to correct for.

    Args:
        run: The run.
        dataset: Canonical id of the dataset.
        task: The task.
        metrics: Names or patterns of metrics; ``all`` for every one.
        regions: Names or patterns of regions; ``all`` for every one.

    Raises:
        UsageError: For a metric or region the run does not have; suggests the nearest.
    """
    scores = of_task(run.scores, dataset, task)
    known_metrics = list(dict.fromkeys([*run.metrics, *scores["metric"]]))
    found = set(scores["region"]) or {"foreground"}
    known_regions = [region for region in _REGION_ORDER if region in found]
    known_regions += sorted(found - set(known_regions))

    scored = set(zip(scores["metric"], scores["region"], strict=True))
    chosen = _choose(metrics, known_metrics, "metric") or _leading(run, known_metrics)
    wanted = _choose(regions, known_regions, "region")
    if wanted:
        pairs = [(metric, region) for region in wanted for metric in chosen]
    else:
        first = known_regions[0]
        pairs = [(metric, first) for metric in chosen]
        if first != "whole" and "whole" in known_regions:
            # What is scored in whole volumes only, as under some protocols, is never left out.
            whole = chosen if metrics else chosen[:DEFAULT_WHOLE]
            whole = [m for m in chosen if m in whole or (m, first) not in scored]
            pairs += [(metric, "whole") for metric in whole]
        pairs += _elsewhere(run, scores, chosen, scored & set(pairs))
    # Some metrics exist in some regions only; before anything is scored, all are kept.
    if scored:
        pairs = [pair for pair in pairs if pair in scored]
    if not pairs:
        raise UsageError(
            f"{task} on {dataset} has no score of these metrics in these regions",
            f"metrics: {', '.join(known_metrics)}; regions: {', '.join(known_regions)}",
        )
    return [
        _column(run.metrics.get(metric, {}), scores, metric, region) for metric, region in pairs
    ]


def _leading(run: RunFolder, metrics: Sequence[str]) -> list[str]:
    kept: list[str] = []
    counts: dict[str, int] = {}
    for metric in metrics:
        evaluator = str(run.metrics.get(metric, {}).get("evaluator", ""))
        counts[evaluator] = counts.get(evaluator, 0) + 1
        if counts[evaluator] <= DEFAULT_METRICS:
            kept.append(metric)
    return kept


def _elsewhere(
    run: RunFolder, scores: pd.DataFrame, chosen: Sequence[str], shown: Collection[_Pair]
) -> list[_Pair]:
    """Columns of evaluators that would have none: their first metrics in their first region."""
    evaluator = {m: str(run.metrics.get(m, {}).get("evaluator", "")) for m in chosen}
    present = {evaluator[metric] for metric, _ in shown}
    pairs: list[_Pair] = []
    for name in dict.fromkeys(evaluator.values()):
        mine = [metric for metric in chosen if evaluator[metric] == name]
        rows = scores[scores["metric"].isin(mine)]
        if name not in present and len(rows):
            first = str(rows["region"].iloc[0])
            pairs += [(metric, first) for metric in mine[:DEFAULT_WHOLE]]
    return pairs


def _choose(patterns: Sequence[str], known: Sequence[str], what: str) -> list[str]:
    chosen: list[str] = []
    for pattern in patterns:
        matches = [name for name in known if pattern == "all" or fnmatchcase(name, pattern)]
        if not matches:
            listed = f"it has {', '.join(known)}"
            raise UsageError(
                f"the run has no {what} {pattern!r}", did_you_mean(pattern, known, listed)
            )
        chosen += [name for name in matches if name not in chosen]
    return chosen


def _column(info: Mapping[str, Any], scores: pd.DataFrame, metric: str, region: str) -> Column:
    rows = scores[(scores["metric"] == metric) & (scores["region"] == region)]
    declared = str(info.get("unit") or "")
    units = [unit for unit in dict.fromkeys(rows["unit"]) if unit]
    unit = units[0] if units else ("" if declared == "target" else declared)
    decimals = int(info.get("decimals", 3))
    if declared == "target" and unit:
        # The digits are declared for the unit range; tens of HU need no third decimal.
        decimals = min(decimals, 1)
    evaluators = list(dict.fromkeys(rows["evaluator"]))
    return Column(
        metric=metric,
        label=str(info.get("label") or metric) + _sample(info, rows),
        region=region,
        evaluator=str(info.get("evaluator") or (evaluators[0] if evaluators else "")),
        version=str(info.get("version", "")),
        higher_is_better=info.get("better", "lower") == "higher",
        unit=unit,
        decimals=decimals,
        data_range=str(info.get("data_range") or ""),
        definition=str(info.get("definition") or ""),
        region_definition=str((info.get("regions") or {}).get(region) or ""),
    )


def _sample(info: Mapping[str, Any], rows: pd.DataFrame) -> str:
    """From how many a score of a whole set was computed, as part of its name: it depends on it."""
    counts = sorted({int(count) for count in rows["voxels"].dropna() if count > 0})
    if not info.get("sample") or not counts:
        return ""
    span = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else f"{counts[0]}"
    return f", n = {span} {info['sample']}"
