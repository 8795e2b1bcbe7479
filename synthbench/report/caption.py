"""Writes a table's caption in plain text; the renderers escape it."""

from __future__ import annotations

from synthbench.report.run_folder import RunFolder, short_name
from synthbench.report.tables import Table

#: Follows a number that is significantly worse than the method it was tested against.
WORSE_MARK = "†"
#: Follows one that is significantly better than the reference method.
BETTER_MARK = "‡"
#: The paired tests in words.
TESTS = {
    "wilcoxon": "Wilcoxon signed-rank test",
    "permutation": "sign-flip permutation test of the mean",
    "paired-t": "t-test",
}
_FULL_PRESET = "paper"
_REGIONS = {
    "foreground": "inside the subject's foreground mask",
    "whole": "all voxels, background included",
}


def title(dataset: str, task: str) -> str:
    """What is translated on which data."""
    return f"{task.replace('->', '→')} on {short_name(dataset)}"


def caption(table: Table, run: RunFolder) -> str:
    """Say what the numbers are, how they were compared and under which protocol."""
    parts = [
        f"{title(table.dataset, table.task)}: {_numbers(table, run)}",
        _marks(table),
        _protocol(run),
    ]
    return " ".join(part for part in parts if part)


def definitions(table: Table) -> list[str]:
    """Define each metric and region of the table, one line each."""
    lines = {}
    for column in table.columns:
        facts = [f"version {column.version}"] if column.version else []
        facts += [f"dynamic range: {column.data_range}"] if column.data_range else []
        what = column.definition or f"metric {column.metric} of {column.evaluator or 'the run'}"
        lines[column.metric] = f"{column.label}: {what.rstrip('.')}" + (
            f" ({'; '.join(facts)})." if facts else "."
        )
    regions = dict.fromkeys(column.region for column in table.columns)
    for region in regions:
        mine = [column for column in table.columns if column.region == region]
        derived = next((c.region_definition for c in mine if c.region_definition), "")
        what = derived or _REGIONS.get(
            region, "a region of the dataset's labels, or a class its evaluator finds"
        )
        name = mine[0].region_name
        lines[f"region {region}"] = f"{name[:1].upper()}{name[1:]}: {what}."
    return list(lines.values())


def metric_protocols(run: RunFolder) -> list[str]:
    """Each metric protocol of a run with its version: ``synthrad2025, version 1``."""
    versions = {
        str(info["protocol"]): info.get("protocol_version", "")
        for info in run.metrics.values()
        if info.get("protocol")
    }
    return [f"{name}, version {number}" for name, number in versions.items()]


def count(number: int, noun: str) -> str:
    """A number and its noun: ``1 subject``, ``12 subjects``."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def join(names: list[str]) -> str:
    """A list in a sentence: ``a, b and c``."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _numbers(table: Table, run: RunFolder) -> str:
    noun = "patient" if run.patients(table.dataset) else "subject"
    sizes = sorted({table.n(index) for index in range(len(table.columns))} - {0})
    if not sizes:
        over = f"held-out {noun}s"
    elif len(sizes) == 1:
        over = f"n = {sizes[0]} held-out {noun}" + ("" if sizes[0] == 1 else "s")
    else:
        over = f"n = {sizes[0]} to {sizes[-1]} held-out {noun}s (last row)"
    spread = "" if sizes == [1] else " ± standard deviation"
    folds, seeds = len(table.progress.folds), len(table.progress.seeds)
    split = f"{folds}-fold cross-validation" if folds > 1 else "one hold-out split"
    if seeds > 1:
        training = f"{seeds} training seeds averaged within each {noun}"
    else:
        training = "one training seed"
    regions = {column.region_name for column in table.columns}
    where = f" in the {regions.pop()}" if len(regions) == 1 else ""
    return f"mean{spread} over {over}{where}; {split}, {training}."


def _marks(table: Table) -> str:
    parts = []
    if any(cell.rank for row in table.rows for cell in row.cells):
        parts.append("Best in bold, second best underlined; values that print alike share a mark.")
    if table.tested:
        parts.append(_testing(table))
    arrows = {column.arrow for column in table.columns}
    meaning = {"↑": "↑ higher is better", "↓": "↓ lower is better"}
    parts.append(", ".join(meaning[arrow] for arrow in sorted(arrows)) + ".")
    baselines = [row.label for row in table.rows if row.baseline]
    if baselines:
        verb = "is a baseline" if len(baselines) == 1 else "are baselines"
        parts.append(f"{join(baselines)} {verb}.")
    for kind in ("lower", "upper"):
        if bounds := [row.label for row in table.rows if row.bound == kind]:
            words = f"is the {kind} bound" if len(bounds) == 1 else f"are {kind} bounds"
            parts.append(f"{join(bounds)} {words} of segmentation, not ranked.")
    return " ".join(parts)


def _testing(table: Table) -> str:
    testing, family = table.testing, table.tested
    if testing.reference is None:
        marks = f"{WORSE_MARK} significantly worse than the best method of its column"
    else:
        name = next(row.label for row in table.rows if row.method == testing.reference)
        marks = f"{WORSE_MARK} significantly worse, {BETTER_MARK} significantly better than {name}"
    nulls = {cell.test.method for cell in family if cell.test} - {"t"}
    how = {
        frozenset({"exact"}): " (exact)",
        frozenset({"asymptotic"}): " (normal approximation)",
        frozenset({"exact", "asymptotic"}): (
            " (exact, or normal approximation for large or tied samples)"
        ),
        frozenset({"sampled"}): " (random sign flips)",
        frozenset({"exact", "sampled"}): " (exact, or random sign flips for large samples)",
    }.get(frozenset(nulls), "")
    size = count(len(family), "test")
    correction = {
        "holm": f"Holm correction over all {size} of this table",
        "bh": f"Benjamini-Hochberg correction over all {size} of this table",
        "none": f"NOT corrected for the {size} of this table",
    }[testing.correction]
    return (
        f"{marks}: two-sided {TESTS[testing.test]} on paired values{how}, {correction}, "
        f"alpha = {testing.alpha:g}."
    )


def _protocol(run: RunFolder) -> str:
    parts = [f"Metric protocol {name}." for name in metric_protocols(run)]
    spacing = run.info.get("spacing")
    if spacing is None:
        parts.append("Volumes on their own grids.")
    elif spacing == "mean":
        parts.append("Grid: the mean voxel size of the training subjects.")
    else:
        sides = [spacing] * 3 if isinstance(spacing, int | float) else list(spacing)
        parts.append(f"Grid {' x '.join(f'{float(side):g}' for side in sides)} mm.")
    preset = str(run.info.get("preset") or "")
    if preset and preset != _FULL_PRESET:
        parts.append(
            f"Preset {preset}: a shortened training schedule, not the methods' published one."
        )
    return " ".join(parts)
