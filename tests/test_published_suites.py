"""The suites of published tables: complete, in step with the tables, and ready to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthbench.api import DataError, Dataset
from synthbench.audit import read
from synthbench.cli import main
from synthbench.published import published_record
from synthbench.registry import Registry
from synthbench.registry.discovery import installed
from synthbench.suite import Suite, make_suite, read_suite
from tests.plugins.datasets import trees

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
SUITES = {
    path.stem: path
    for path in sorted((BENCHMARKS / "suites").glob("*.yaml"))
    if "published" in yaml.safe_load(path.read_text(encoding="utf-8"))
}
TABLES = sorted((BENCHMARKS / "published").glob("*.csv"))
each_suite = pytest.mark.parametrize("name", SUITES)


def load(name: str) -> Suite:
    return make_suite(read_suite(SUITES[name]), name)


def key(cell: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(cell.values())


def test_there_is_a_suite_for_every_published_cell() -> None:
    kept: dict[Path, set[tuple[Any, ...]]] = {}
    for name in SUITES:
        suite = load(name)
        assert suite.published is not None
        cells = {key(cell) for cell in published_record(suite)["cells"]}
        held = kept.setdefault(suite.published.table.resolve(), set())
        assert cells
        assert not cells & held, "a cell stands in one suite"
        held |= cells
    assert set(kept) == {path.resolve() for path in TABLES}
    for path in TABLES:
        assert kept[path.resolve()] == {key(asdict(claim)) for claim in read(path)}


@each_suite
def test_rows_tasks_and_columns_are_those_of_the_suite(name: str) -> None:
    suite = load(name)
    published = suite.published
    assert published is not None
    registry = Registry(installed())
    for row in published.rows.values():
        assert row.method in suite.methods if row.method else row.differs
    tasks = {(each.name, task) for each in suite.datasets for task in each.tasks}
    assert {(task.dataset, task.translation) for task in published.tasks} == tasks
    for column in published.columns.values():
        if column.evaluator:
            assert column.evaluator in suite.evaluators
            spec = registry.get("evaluators", column.evaluator).spec
            assert column.metric in [metric.name for metric in spec.metrics]
        else:
            assert column.differs
    assert suite.preset == "paper"
    assert published_record(suite)["changed"] == []


def plant(root: Path, suite: Suite, count: int) -> Path:
    """Write subjects of every dataset of a suite; of a suite with one, its own folder."""
    registry = Registry(installed())
    for choice in suite.datasets:
        entry = registry.get("datasets", choice.name)
        module, target = entry.spec.target.split(":")
        folder = root / choice.name if len(suite.datasets) > 1 else root
        for task in choice.tasks:
            params = dict(choice.params)
            if choice.name == "synthrad":
                params["task"] = {"mr": 1, "cbct": 2}[task.source[0]]
            reader: Dataset = getattr(import_module(module), target)(**params)
            trees.write(folder, reader, (*task.source, task.target), count)
    return root


COUNTS = {"pix2pix_resunet_table1": "3,0,1"} | dict.fromkeys(
    ("dual_d_attention_table1", "dual_d_attention_ablation"), "2,1,1"
)


@each_suite
def test_one_command_plans_it(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = load(name)
    assert suite.split is not None
    folds = suite.split.folds or 1
    root = plant(tmp_path / "data", suite, max(4, folds))
    smaller = ["--split-counts", COUNTS[name]] if suite.split.kind == "counts" else []
    arguments = ["run", str(SUITES[name]), "--data-root", str(root), "--dry-run", *smaller]
    assert main([*arguments, "--output", str(tmp_path / "out")]) == 0
    tasks = sum(len(choice.tasks) for choice in suite.datasets)
    printed = capsys.readouterr().out
    assert f"{len(suite.methods) * tasks * folds} cells" in printed


def test_one_dataset_of_several_keeps_its_tasks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = load("mdaunet_gan_table1")
    root = plant(tmp_path / "data", suite, 4) / "synthrad"
    arguments = ["run", str(SUITES["mdaunet_gan_table1"]), "--data-root", str(root), "--dry-run"]
    assert main([*arguments, "--dataset", "synthrad", "--output", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "8 cells" in printed
    assert "synthrad/cbct-to-ct/core__resvit" in printed


def test_the_documented_table_is_valid() -> None:
    text = (BENCHMARKS.parent / "docs" / "suites.md").read_text(encoding="utf-8")
    block = text.partition("## Published tables")[2].partition("```yaml\n")[2].partition("```")[0]
    published = make_suite(yaml.safe_load(block)).published
    assert published is not None
    assert published.tasks[0].n == 274
    assert published.rows["Ours"].method == "edge_cascade"


def test_a_missing_folder_of_one_of_several_datasets_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hcp").mkdir()
    arguments = ["run", str(SUITES["mdaunet_gan_table1"]), "--data-root", str(tmp_path)]
    assert main([*arguments, "--dry-run", "--output", str(tmp_path / "out")]) != 0
    assert str(tmp_path / "hcp") in capsys.readouterr().err


TABLE = "task,method,SSIM\nA,one,0.9\nB,one,0.8\n"
PUBLISHED: dict[str, Any] = {
    "table": "table.csv",
    "source": "Doe, Table 1",
    "tasks": [{"task": "A", "dataset": "folder", "translation": "t1 -> t2"}],
    "columns": {"SSIM": {"evaluator": "iqa", "metric": "ssim"}},
    "rows": {"one": "identity"},
}


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    def write(**changes: Any) -> Path:
        (tmp_path / "table.csv").write_text(TABLE)
        path = tmp_path / "suite.yaml"
        content = {"methods": ["identity"], "published": {**PUBLISHED, **changes}}
        path.write_text(yaml.safe_dump(content))
        return path

    return write


def test_only_the_cells_of_the_tasks_are_kept(written: Callable[..., Path]) -> None:
    record = published_record(make_suite(read_suite(written())))
    assert [(cell["task"], cell["mean"]) for cell in record["cells"]] == [("A", 0.9)]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"rows": {"two": "identity"}}, r"row two: .*not have"),
        ({"rows": {}}, r"row one: .*what it is here"),
        ({"columns": {}}, r"column SSIM: .*what it is here"),
        ({"columns": {**PUBLISHED["columns"], "X": {}}}, r"column X: .*not have"),
        ({"tasks": [{**PUBLISHED["tasks"][0], "task": "C"}]}, r"task C: .*not have"),
        ({"table": "absent.csv"}, r"absent\.csv cannot be read"),
    ],
)
def test_a_suite_and_a_table_that_do_not_fit_are_refused(
    written: Callable[..., Path], changes: dict[str, Any], what: str
) -> None:
    suite = make_suite(read_suite(written(**changes)))
    with pytest.raises(DataError, match=what):
        published_record(suite)


def test_what_options_changed_is_told(written: Callable[..., Path]) -> None:
    data = read_suite(written())
    data |= {"preset": "quick", "split": {"test": 0.5}, "spacing": [1, 1, 2]}
    changed = published_record(make_suite(data))["changed"]
    assert changed[0] == "preset: quick instead of paper"
    assert changed[1].startswith("split: kind holdout")
    assert changed[2] == "spacing: 1 x 1 x 2 instead of none"
    assert len(changed) == 3
