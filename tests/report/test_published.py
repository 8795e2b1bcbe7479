"""Published numbers beside measured ones, and which of them cannot be compared."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from synthbench.audit import Claim
from synthbench.cli import main
from synthbench.report import latex, markdown, published_text, tidy
from synthbench.report.html.page import write_page
from synthbench.report.joining import join
from synthbench.report.published import published_tables
from synthbench.report.run_folder import RunFolder
from synthbench.report.stats import stats
from synthbench.report.tables import build_tables
from tests.report.handmade import METRICS, cell, scores_of, write_run
from tests.report.test_html_page import HOSTILE, Page
from tests.tiny import write_tree

PHANTOM = ("core/phantom", "t1 -> t2")
VALUES = {"core/a": [20.0, 22.0, 24.0], "core/b": [25.0, 26.0, 27.0]}
Published = dict[str, Any]


def claim(method: str, metric: str, mean: float, **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {"task": "A_1 -> B", "n": 3, "sd": 1.5, "decimals": 1}
    fields["sd_decimals"] = 1
    return asdict(Claim(**fields | {"method": method, "metric": metric, "mean": mean} | changes))


@pytest.fixture
def published() -> Published:
    return {
        "source": "Doe & Roe, Table 1",
        "remarks": ["Means of 3"],
        "tasks": [{"task": "A_1 -> B", "dataset": "phantom", "translation": "t1 -> t2"}],
        "columns": {
            "PSNR": {"evaluator": "iqa", "metric": "psnr", "region": "foreground"},
            "MAE": {
                **{"evaluator": "iqa", "metric": "mae", "region": "foreground"},
                **{"same_unit": False, "differs": ["raw intensities"]},
            },
            "Dice": {"differs": ["no evaluator gives it"]},
        },
        "rows": {
            "Ours": {"method": "b"},
            "Old_net": {"method": "a", "differs": ["another network"]},
            "Other": {"differs": ["not part of it"]},
        },
        "cells": [
            claim("Ours", "PSNR", 26.5),
            claim("Ours", "MAE", 88.0),
            claim("Ours", "Dice", 0.9),
            claim("Old_net", "PSNR", 21.0),
            claim("Other", "PSNR", 19.0, sd=None),
        ],
        "changed": [],
    }


@pytest.fixture
def make(tmp_path: Path, published: Published) -> Callable[..., RunFolder]:
    def write(**changes: Any) -> RunFolder:
        mae = scores_of({"core/b": [0.1, 0.2, 0.3]}, metric="mae", unit="")
        fields = {"scores": [*scores_of(VALUES), *mae], "published": published} | changes
        return RunFolder.load(write_run(tmp_path, **fields))

    return write


def rows(run: RunFolder, *where: str) -> dict[tuple[str, str], Any]:
    (table,) = published_tables(run, *(where or PHANTOM))
    return {(row.cell.method, row.cell.metric): row for row in table.rows}


def test_numbers_and_differences(make: Callable[..., RunFolder]) -> None:
    found = rows(make())
    ours = found["Ours", "PSNR"]
    assert (ours.measured.mean, ours.measured.sd, ours.measured.n) == (26.0, 1.0, 3)
    assert ours.difference == -0.5
    assert ours.reasons == ()
    old = found["Old_net", "PSNR"]
    assert (old.difference, old.reasons) == (1.0, ("another network",))
    mae = found["Ours", "MAE"]
    assert mae.measured.mean == pytest.approx(0.2)
    assert (str(mae.difference), mae.reasons) == ("nan", ("raw intensities",))
    assert found["Ours", "Dice"].measured.state == "no such metric"
    assert found["Other", "PSNR"].measured.state == "no such method"


def test_markdown(make: Callable[..., RunFolder]) -> None:
    run = make()
    (table,) = build_tables(run)
    text = markdown.render(table, run)
    lines = [
        [part.strip() for part in line.strip("|").split("|")]
        for line in text[text.index("Published beside measured") :].splitlines()
        if line.startswith("|")
    ]
    assert lines[2:] == [
        ["Ours", "b", "PSNR", "26.5 ± 1.5", "26.0 ± 1.0", "-0.5", "yes"],
        ["Ours", "b", "MAE", "88.0 ± 1.5", "0.2000 ± 0.1000", "--", "no (1)"],
        ["Ours", "b", "Dice", "0.9 ± 1.5", "no such metric", "--", "-- (2)"],
        ["Old_net", "a", "PSNR", "21.0 ± 1.5", "22.0 ± 2.0", "+1.0", "no (3)"],
        ["Other", "--", "PSNR", "19.0", "no such method", "--", "-- (4)"],
    ]
    for line in ("- (1) raw intensities.", "- (3) another network.", "- Means of 3."):
        assert line in text


def test_latex(make: Callable[..., RunFolder]) -> None:
    run = make()
    text = latex.render(build_tables(run)[0], run)
    assert r"(Doe \& Roe, Table 1, A\_1 $\rightarrow$ B)" in text
    assert r"Old\_net & a & PSNR & 21.0 $\pm$ 1.5 & 22.0 $\pm$ 2.0 & +1.0 & no (3) \\" in text
    assert text.count(r"\begin{") == text.count(r"\end{")
    assert text.count(r"\label{tab:") == 2
    assert text.isascii()


def test_csv(make: Callable[..., RunFolder]) -> None:
    run = make()
    table = list(csv.DictReader(io.StringIO(tidy.render(build_tables(run), run))))
    theirs = [row for row in table if row["state"] == "published"]
    assert [row["published_method"] for row in theirs] == ["Ours"] * 3 + ["Old_net", "Other"]
    ours, _, dice, old, other = theirs
    assert (ours["published_mean"], ours["mean"], ours["comparable"]) == ("26.5", "26.0", "True")
    assert (ours["method"], ours["minus_published"], ours["published_n"]) == ("core/b", "-0.5", "3")
    assert (old["comparable"], old["not_comparable_because"]) == ("False", "another network")
    assert (dice["mean"], other["published_sd"], other["comparable"]) == ("", "", "")


def test_stats(make: Callable[..., RunFolder]) -> None:
    run = make()
    (published,) = stats(build_tables(run), run)["tables"][0]["published"]
    json.dumps(published, allow_nan=False)
    assert (published["source"], published["task"]) == ("Doe & Roe, Table 1", "A_1 -> B")
    assert published["remarks"] == ["Means of 3"]
    ours, mae, dice, old, other = published["numbers"]
    assert ours == {
        **{"published_method": "Ours", "published_metric": "PSNR", "published_mean": 26.5},
        **{"published_sd": 1.5, "published_n": 3, "better": "", "method": "core/b"},
        **{"metric": "psnr", "region": "foreground", "evaluator": "core/iqa", "unit": "dB"},
        **{"state": "ok", "n": 3, "mean": 26.0, "sd": 1.0, "difference": -0.5},
        **{"comparable": True, "not_comparable_because": []},
    }
    assert (mae["difference"], mae["comparable"]) == (None, False)
    assert mae["not_comparable_because"] == ["raw intensities"]
    assert (dice["state"], dice["mean"], dice["comparable"]) == ("no such metric", None, None)
    assert (old["difference"], old["comparable"]) == (1.0, False)
    assert (other["method"], other["published_sd"]) == (None, None)


def test_stats_of_a_run_that_repeats_no_table(make: Callable[..., RunFolder]) -> None:
    run = make(published={})
    assert stats(build_tables(run), run)["tables"][0]["published"] == []


def page_of(run: RunFolder, path: Path) -> Page:
    tables = build_tables(run)
    write_page(run, tables, stats(tables, run), path)
    return Page(path.read_text(encoding="utf-8"))


def test_html_has_the_words_of_markdown(make: Callable[..., RunFolder], tmp_path: Path) -> None:
    run = make()
    page = page_of(run, tmp_path / "report.html")
    (table,) = published_tables(run, *PHANTOM)
    assert published_text.heading(table) in page.all("h3")
    (shown,) = page.all("table", **{"class": "sortable published"})
    assert [line for line in shown.splitlines() if line] == [
        "".join(texts) for texts in (published_text.HEADER, *published_text.body(table))
    ]
    assert "Published" in page.all("nav")[0]
    told = "".join(page.all("ul", **{"class": "caption"}))
    assert told == "".join(published_text.caption(table))
    assert "(1) raw intensities." in told
    # Pairs that cannot be compared are set apart.
    apart = [text[:5] for text in page.all("tr", **{"class": "apart"})]
    assert apart == ["Oursb", "Oursb", "Old_n", "Other"]
    keys = [attrs.get("data-sort") for tag, attrs, _ in page.elements if tag == "td"]
    assert keys.count("-0.5") == keys.count("26.5") == 1


def test_html_of_a_run_that_repeats_no_table(
    make: Callable[..., RunFolder], tmp_path: Path
) -> None:
    page = page_of(make(published={}), tmp_path / "report.html")
    assert not page.all("table", **{"class": "sortable published"})
    assert "Published" not in page.all("nav")[0]


def test_hostile_names_of_a_paper_are_shown_as_text(
    make: Callable[..., RunFolder], published: Published, tmp_path: Path
) -> None:
    published["source"] = HOSTILE
    published["remarks"] = [HOSTILE]
    published["tasks"][0]["task"] = HOSTILE
    published["rows"] = {HOSTILE: {"method": "b", "differs": [HOSTILE]}}
    published["columns"] = {HOSTILE: published["columns"]["PSNR"]}
    published["cells"] = [claim(HOSTILE, HOSTILE, 26.5, task=HOSTILE)]
    page = page_of(make(), tmp_path / "report.html")
    assert not page.all("img")
    assert len(page.all("script", type=None)) == 1
    assert any(HOSTILE in text for text in page.all("h3"))
    assert sum(HOSTILE in text for text in page.all("li")) == 2
    (row,) = page.all("tr", **{"class": "apart"})
    assert row.count(HOSTILE) == 2


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"preset": "quick"}, "preset quick: a shortened training schedule"),
        ({"n": 30}, "other test set: n = 3, not 30"),
        ({"changed": ["spacing: mean instead of none"]}, "spacing: mean instead of none"),
        ({"differs": ["other scanner"]}, "other scanner"),
        ({"dataset": "brats"}, "other data: phantom, not brats"),
        (
            {"region": "whole"},
            "other metric definition: PSNR (foreground) of iqa, not whole of iqa",
        ),
        (
            {"evaluator": "mdaunet"},
            "other metric definition: PSNR (foreground) of iqa, not foreground of mdaunet",
        ),
    ],
)
def test_what_cannot_be_compared_says_why(
    make: Callable[..., RunFolder], published: Published, changes: dict[str, Any], reason: str
) -> None:
    task, column = published["tasks"][0], published["columns"]["PSNR"]
    fields = {"preset": "paper"}
    for name, value in changes.items():
        place = {"changed": published, "preset": fields, "n": task, "differs": task}
        place |= {"dataset": task, "region": column, "evaluator": column}
        place[name][name] = value
    row = rows(make(**fields))["Ours", "PSNR"]
    assert row.reasons == (reason,)
    assert row.difference == -0.5


def test_a_test_set_of_nearly_the_same_size_is_comparable(
    make: Callable[..., RunFolder], published: Published
) -> None:
    published["tasks"][0]["n"] = 4
    assert rows(make())["Ours", "PSNR"].reasons == ()


def test_the_same_dataset_goes_before_the_same_translation(
    make: Callable[..., RunFolder], published: Published
) -> None:
    published["tasks"].insert(0, {**published["tasks"][0], "task": "C", "dataset": "brats"})
    (table,) = published_tables(make(), *PHANTOM)
    assert table.name == "A_1 -> B"
    assert published_tables(make(name="again"), "core/phantom", "t1 -> ct") == []


def test_a_method_that_failed_shows_how(make: Callable[..., RunFolder]) -> None:
    scores = scores_of({"core/a": VALUES["core/a"]})
    run = make(scores=scores, cells=[cell("core/a"), cell("core/b", "oom")])
    found = rows(run)
    assert found["Ours", "PSNR"].measured.state == "OOM"
    assert found["Ours", "PSNR"].reasons == ()


def test_a_metric_of_the_same_name_from_another_evaluator_is_the_second_choice(
    make: Callable[..., RunFolder], published: Published
) -> None:
    other = {**METRICS["psnr"], "evaluator": "x/other", "name": "x/other:psnr"}
    more = scores_of({"core/b": [1.0, 2.0, 3.0]}, metric="x/other:psnr", evaluator="x/other")
    published["columns"]["PSNR"] |= {"evaluator": "x/other"}
    run = make(
        scores=[*scores_of(VALUES), *more],
        metrics={**METRICS, "x/other:psnr": other},
    )
    assert rows(run)["Ours", "PSNR"].measured.mean == 2.0


def test_runs_of_other_suites_are_told_apart(
    make: Callable[..., RunFolder], tmp_path: Path
) -> None:
    other = RunFolder.load(write_run(tmp_path, scores_of({"core/c": [1.0] * 3}), name="other"))
    for runs in ([make(), other], [other, make(name="second")]):
        row = rows(join(runs))["Ours", "PSNR"]
        assert row.reasons == ("other is not a run of the suite of this table",)
    assert published_tables(other, *PHANTOM) == []


def test_one_command_from_suite_to_comparison(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "table.csv").write_text("method,n,PSNR\nPlain,2,20.0\n")
    suite = {
        "methods": ["identity"],
        "datasets": [{"name": "folder", "tasks": ["t1 -> t2"]}],
        "split": {"kind": "counts", "train": 2, "test": 2},
        "evaluators": ["iqa"],
        "published": {
            "table": "table.csv",
            "source": "Doe, Table 1",
            "tasks": [{"dataset": "folder", "translation": "t1 -> t2"}],
            "columns": {"PSNR": {"evaluator": "iqa", "metric": "psnr"}},
            "rows": {"Plain": "identity"},
        },
    }
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(suite))
    data = write_tree(tmp_path / "data", 4)
    common = ["--data-root", str(data), "--output", str(tmp_path / "out"), "--executor", "inline"]
    assert main(["run", str(tmp_path / "suite.yaml"), *common]) == 0
    assert "| yes" in capsys.readouterr().out
