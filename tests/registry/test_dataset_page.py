from __future__ import annotations

from pathlib import Path

import pytest

from synthbench.api import Dataset, DatasetSpec, Intensity, Task
from synthbench.registry import Entry, Registry, load_registry
from synthbench.registry.dataset_page import BEGIN, END, sections, updated

PAGE = Path(__file__).parent.parent.parent / "docs" / "datasets.md"


def test_the_page_says_what_is_installed() -> None:
    """If this fails, run `python -m synthbench.registry.dataset_page` in the repository's root."""
    text = PAGE.read_text()
    assert text.count(BEGIN) == text.count(END) == 1
    assert updated(text, load_registry()) == text


def test_every_parameter_of_a_built_in_dataset_is_explained() -> None:
    for line in PAGE.read_text().splitlines():
        assert not line.startswith("| `") or not line.endswith("|  |"), line


class Made(Dataset):
    """Made up.

    With a | in it.

    Args:
        labels: What they
            mean: anything.
        fast: Whether.

    Raises:
        DataError: Never.
    """

    def __init__(self, labels: str | None = None, fast: bool = False) -> None: ...

    def subjects(self, root: Path | None) -> list[object]:
        return []


def section(**fields: object) -> str:
    spec = DatasetSpec(name="made", target=f"{__name__}:Made", summary="A | B.", **fields)
    return sections([Entry("datasets", "core/made", spec, "core", "synthbench")])


def test_a_section_has_docstring_parameters_and_facts() -> None:
    window = Intensity(kind="window", low=-5, high=9, unit="HU")
    text = section(
        modalities={"t1": Intensity(kind="percentile", low=0.0), "ct": window},
        tasks=(Task(source=("t1",), target="ct"),),
        licence="Ours.",
        obtain="Ask <somebody>.",
        split={"kind": "kfold", "folds": 3},
    )
    assert "## `made`\n\nMade up.\n\nWith a | in it.\n\n| parameter" in text
    assert "Raises" not in text
    assert "| `labels` | none | What they mean: anything. |" in text
    assert "| `fast` | `false` | Whether. |" in text
    assert r"| [`made`](#made) | A \| B. |" in text
    assert "`t1`: minimum to percentile 99.9; `ct`: -5 to 9 HU" in text
    assert "| tasks | `t1 -> ct` (default) |" in text
    assert "3-fold cross-validation" in text
    assert r"Ask \<somebody>." in text


@pytest.mark.parametrize(
    ("split", "words"),
    [
        ({"kind": "holdout", "test": 0.25}, "25% of the patients held out"),
        ({"kind": "counts", "train": 200, "test": 94}, "kind=counts, train=200, test=94"),
    ],
)
def test_splits_in_words(split: dict[str, object], words: str) -> None:
    assert f"| usual split | {words} |" in section(split=split)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Intensity(), "minimum to maximum"),
        (Intensity(kind="percentile"), "percentile 0.1 to percentile 99.9"),
        (Intensity(kind="zscore"), "mean -5 to +5 standard deviations"),
    ],
)
def test_intensities_in_words(model: Intensity, words: str) -> None:
    assert f": {words} |" in section(modalities={"a": model})


def test_only_this_distributions_datasets_are_on_its_page() -> None:
    page = f"before {BEGIN} old {END} after"
    assert updated(page, Registry([])).startswith(f"before {BEGIN}\n\n| dataset |")
    assert updated(page, Registry([])).endswith(f"{END} after")
