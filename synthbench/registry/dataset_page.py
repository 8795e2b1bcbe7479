"""The installed datasets as documentation: what their specs and their readers' docstrings say."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthbench.api.specs import DatasetSpec, Intensity
from synthbench.registry import Entry, Registry, load_registry

BEGIN = "<!-- datasets: written by `python -m synthbench.registry.dataset_page` -->"
END = "<!-- /datasets -->"
#: Distribution whose datasets the page of this repository shows.
_DIST = "synthbench"


@dataclass(frozen=True)
class Parameter:
    """A parameter of a component.

    Attributes:
        name: As in ``--dataset-set NAME=VALUE``.
        default: Its default value.
        meaning: What the class's docstring says of it, ``""`` where it says nothing.
    """

    name: str
    default: Any
    meaning: str


def parameters(component: type) -> list[Parameter]:
    """The parameters that a user may give to a component, in the order of its signature.

    Args:
        component: A class; what it is always built with has no default there.
    """
    _, meanings = _docstring(component)
    return [
        Parameter(name, parameter.default, meanings.get(name, ""))
        for name, parameter in inspect.signature(component).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    ]


def updated(page: str, registry: Registry) -> str:
    """Return a page with the part between its two markers made anew."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    entries = [entry for entry in registry.all("datasets") if entry.plugin_dist == _DIST]
    return f"{head}{BEGIN}\n\n{sections(entries)}\n\n{END}{tail}"


def sections(entries: Sequence[Entry]) -> str:
    """A table of the datasets, and a section for each."""
    rows = [f"| [`{e.name}`](#{e.name}) | {_cell(_spec(e).summary)} |" for e in entries]
    table = "\n".join(["| dataset | what |", "| --- | --- |", *rows])
    return "\n\n".join([table, *("\n\n".join(_section(entry)) for entry in entries)])


def _section(entry: Entry) -> Iterator[str]:
    reader, spec = entry.resolve(), _spec(entry)
    text, _ = _docstring(reader)
    yield f"## `{entry.name}`"
    yield text
    rows = [
        f"| `{each.name}` | {_value(each.default)} | {_cell(each.meaning)} |"
        for each in parameters(reader)
    ]
    if rows:
        yield "\n".join(["| parameter | default | meaning |", "| --- | --- | --- |", *rows])
    facts = [f"| {name} | {_cell(value)} |" for name, value in _facts(spec) if value]
    yield "\n".join(["| | |", "| --- | --- |", *facts])


def _spec(entry: Entry) -> DatasetSpec:
    assert isinstance(entry.spec, DatasetSpec)
    return entry.spec


def _docstring(reader: type) -> tuple[str, dict[str, str]]:
    """Divide a reader's docstring into its text and the meaning of each parameter."""
    text = re.split(r"^(?:Attributes|Raises):$", inspect.getdoc(reader) or "", flags=re.MULTILINE)[
        0
    ]
    text, _, arguments = text.partition("\nArgs:\n")
    found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", arguments, re.MULTILINE)
    return text.strip(), {name: " ".join(meaning.split()) for name, meaning in found}


def _value(default: Any) -> str:
    if default is None:
        return "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _facts(spec: DatasetSpec) -> Iterator[tuple[str, str]]:
    yield "modalities", "; ".join(_modalities(spec))
    tasks = [f"`{task}`" for task in spec.tasks]
    yield "tasks", ", ".join([f"{tasks[0]} (default)", *tasks[1:]] if tasks else ["none"])
    yield "usual split", _split(spec.split)
    presets = [f"`{preset}` {_settings(values)}" for preset, values in spec.presets.items()]
    yield "presets", "; ".join(presets)
    yield "folder", "" if spec.needs_root else "none: made on the fly"
    yield "licence", spec.licence
    yield "how to get it", spec.obtain
    yield "cite", spec.citation
    yield "can be exported to", "yes" if spec.exportable else ""


def _modalities(spec: DatasetSpec) -> Iterator[str]:
    models: dict[Intensity, list[str]] = {}
    for name, model in spec.modalities.items():
        models.setdefault(model, []).append(f"`{name}`")
    if spec.needs_root and spec.default_intensity in models:
        models[spec.default_intensity].append("any other")
    for model, names in models.items():
        yield f"{', '.join(names)}: {_intensity(model)}"


def _intensity(model: Intensity) -> str:
    low, high = model.low, model.high
    if model.kind == "window":
        return f"{low:g} to {high:g} {model.unit}".rstrip()
    if model.kind == "minmax":
        return "minimum to maximum"
    if model.kind == "zscore":
        return f"mean {low or -5:g} to {high or 5:+g} standard deviations"
    low, high = (0.1 if low is None else low), (99.9 if high is None else high)
    start = "minimum" if low == 0 else f"percentile {low:g}"
    return f"{start} to percentile {high:g}"


def _split(split: Mapping[str, Any]) -> str:
    if not split:
        return ""
    if split["kind"] == "holdout":
        return f"{split['test']:.0%} of the patients held out"
    if split["kind"] == "kfold":
        return f"{split['folds']}-fold cross-validation, by patient"
    return _settings(split)


def _settings(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("<", r"\<")


if __name__ == "__main__":
    path = Path("docs/datasets.md")
    page = updated(path.read_text(encoding="utf-8"), load_registry())
    path.write_text(page, encoding="utf-8")
