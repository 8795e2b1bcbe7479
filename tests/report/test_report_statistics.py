"""The choice of test, correction and reference, and what ``stats.json`` holds."""

import json
import re

import numpy as np
import pytest

from synthbench.api.errors import UsageError
from synthbench.cli import main
from synthbench.report import latex, markdown
from synthbench.report.caption import caption
from synthbench.report.notes import notes
from synthbench.report.run_folder import RunFolder
from synthbench.report.stats import stats
from synthbench.report.tables import build_tables
from synthbench.report.testing import Testing
from tests.report.handmade import METRICS, cell, score, scores_of, write_run
from tests.statistics.golden import GOLDEN as VALUES

GOLDEN = {f"x/{name.lower()}": values for name, values in VALUES.items()}


def load(tmp_path, rows=None, testing=Testing(), **info):  # noqa: B008
    run = RunFolder.load(write_run(tmp_path, rows or scores_of(GOLDEN), **info))
    return run, build_tables(run, testing=testing)


def cells(table, index=0):
    return {row.method: row.cells[index] for row in table.rows}


@pytest.mark.parametrize(
    ("test", "correction", "expected"),
    [
        ("wilcoxon", "holm", [0.00146484, 0.03417969, 0.00146484]),
        ("wilcoxon", "bh", [0.00073242, 0.03417969, 0.00073242]),
        ("wilcoxon", "none", [0.00048828, 0.03417969, 0.00048828]),
        ("paired-t", "holm", [5.972070e-05, 0.01999251, 5.1511e-07]),
        ("permutation", "none", [0.00048828, None, 0.00048828]),
    ],
)
def test_golden_p_values_reach_the_table(tmp_path, test, correction, expected):
    _, (table,) = load(tmp_path, testing=Testing(test, correction))
    found = [cells(table)[f"x/{name}"].p_adjusted for name in "acd"]
    for p, wanted in zip(found, expected, strict=True):
        assert wanted is None or p == pytest.approx(wanted, abs=5e-9)


def test_the_caption_names_what_was_done(tmp_path):
    run, (table,) = load(tmp_path, testing=Testing("permutation", "bh", 0.01))
    text = caption(table, run)
    assert "two-sided sign-flip permutation test of the mean on paired values (exact)" in text
    assert "Benjamini-Hochberg correction over all 3 tests of this table, alpha = 0.01" in text
    run, (table,) = load(tmp_path / "t", testing=Testing("paired-t", "none"))
    text = caption(table, run)
    assert "two-sided t-test on paired values, NOT corrected for the 3 tests" in text


def test_a_reference_is_what_all_others_are_tested_against(tmp_path):
    methods = {"x/a": {"label": "A net"}}
    run, (table,) = load(tmp_path, testing=Testing(reference="A net"), methods=methods)
    found = cells(table)
    assert table.opponent(0).method == table.testing.reference == "x/a"
    assert found["x/a"].test is None
    assert (found["x/b"].better, found["x/b"].worse, found["x/b"].rank) == (True, False, 1)
    assert (found["x/d"].better, found["x/d"].worse) == (False, True)
    assert not (found["x/c"].better or found["x/c"].worse)
    assert "‡ significantly better than A net" in caption(table, run)
    assert "| **27.36 ± 1.07** ‡ " in markdown.render(table, run)
    assert r"\textbf{27.36} $\pm$ 1.07\textsuperscript{$\ddagger$}" in latex.render(table, run)


def test_against_the_best_nothing_is_better(tmp_path):
    _, (table,) = load(tmp_path)
    assert not any(found.better for found in cells(table).values())


def test_an_unknown_reference_suggests_the_nearest(tmp_path):
    with pytest.raises(UsageError, match="has no method 'x/bb'") as caught:
        load(tmp_path, testing=Testing(reference="x/bb"))
    assert "did you mean" in caught.value.hint


def test_a_reference_that_is_not_ranked_leaves_nothing_to_test(tmp_path):
    run = write_run(
        tmp_path, scores_of(GOLDEN), [*(cell(name) for name in GOLDEN), cell("x/big", "oom")]
    )
    (table,) = build_tables(RunFolder.load(run), testing=Testing(reference="x/big"))
    assert table.tested == []
    assert cells(table)["x/b"].rank == 1


def test_ranks_against_the_mean_are_told_from_both_sides(tmp_path):
    a = np.linspace(20, 21, 16)
    b = a + np.linspace(0.1, 0.2, 16)
    b[0] -= 10
    for reference in ("x/a", "x/b"):
        run, (table,) = load(
            tmp_path / reference,
            scores_of({"x/a": a, "x/b": b}),
            testing=Testing(reference=reference),
        )
        told = [note for note in notes(table, run) if "a few large losses" in note]
        assert told[0].startswith("x/b has the worse mean in PSNR (foreground), yet by ranks")


def test_with_false_discovery_rates_fewer_subjects_may_suffice(tmp_path):
    few = {name: values[:6] for name, values in GOLDEN.items()}
    run, (table,) = load(tmp_path, scores_of(few))
    assert any("Cannot reach" in note for note in notes(table, run))
    run, (table,) = load(tmp_path / "bh", scores_of(few), testing=Testing(correction="bh"))
    assert not any("Cannot reach" in note for note in notes(table, run))


def test_equivalence_is_said_with_its_margin(tmp_path):
    testing = Testing(reference="x/b", margins={"psnr": 0.5})
    run, tables = load(tmp_path, testing=testing)
    (line,) = [note for note in notes(tables[0], run) if "equivalent" in note]
    assert line.endswith("not shown to be equivalent within ±0.5 dB of x/b: x/a, x/c and x/d.")
    comparisons = stats(tables, run)["tables"][0]["columns"][0]["comparisons"]
    assert comparisons[0]["equivalence"]["p"] == pytest.approx(0.01926868, abs=5e-9)
    wide = Testing(reference="x/b", margins={"psnr": 0.8})
    run, tables = load(tmp_path / "wide", testing=wide)
    (line,) = [note for note in notes(tables[0], run) if "equivalent" in note]
    assert "equivalent within ±0.8 dB of x/b: x/a (adjusted p = " in line


def test_a_margin_of_an_unknown_metric_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no table has a metric 'ssim' for a margin"):
        load(tmp_path, testing=Testing(margins={"ssim": 0.01}))


def test_stats_hold_the_golden_numbers(tmp_path):
    run, tables = load(tmp_path)
    content = stats(tables, run)
    json.dumps(content, allow_nan=False)
    column = content["tables"][0]["columns"][0]
    by_method = {each["method"]: each for each in column["comparisons"]}
    a = by_method["x/a"]
    assert column["compared_with"] == "x/b"
    assert a["mean_difference"] == pytest.approx(-0.3715, abs=5e-7)
    assert (a["d_z"], a["g_z"]) == pytest.approx((-1.960635, -1.823846), abs=5e-7)
    assert a["interval"]["method"] == "BCa"
    assert a["interval"]["low"] < -0.3715 < a["interval"]["high"] < 0
    assert a["over_seeds_and_subjects"] is a["nadeau_bengio"] is a["equivalence"] is None
    assert column["friedman"]["chi2"] == pytest.approx(27.9)
    assert column["friedman"]["mean_ranks"] == {"x/a": 2.5, "x/b": 1.25, "x/c": 2.25, "x/d": 4.0}
    pairs = {(each["a"], each["b"]): each for each in column["all_pairs"]}
    assert len(pairs) == 6
    assert pairs["x/a", "x/b"]["p_conover_holm"] == pytest.approx(0.000103, abs=5e-7)
    best = {each["method"]: each["probability_best"] for each in column["methods"]}
    assert sum(best.values()) == pytest.approx(1)
    assert content == stats(tables, run)
    assert content["across_datasets"] == []


def test_ranks_are_told_with_their_interval(tmp_path):
    run, tables = load(tmp_path)
    text = markdown.appendix(run, tables, [])
    assert re.search(r"\| x/d +\| 4 to 4 \(0%\) +\|", text)
    assert re.search(r"\| x/b +\| 1 to \d \((9\d|100)%\) +\|", text)
    column = stats(tables, run)["tables"][0]["columns"][0]
    assert column["methods"][3]["rank_interval"] == [4.0, 4.0]


def test_seeds_and_folds_add_their_own_uncertainty(tmp_path):
    rng = np.random.default_rng(0)
    rows = []
    for method, gain in (("x/a", 0.0), ("x/b", 0.5)):
        for seed in (0, 1, 2):
            for number in range(12):
                value = 20 + gain + 0.3 * seed * gain + rng.normal(0, 0.1)
                rows.append(score(method, f"s{number:02d}", value, seed=seed, fold=number % 3))
    run, tables = load(tmp_path, rows)
    column = stats(tables, run)["tables"][0]["columns"][0]
    (a,) = column["comparisons"]
    assert a["over_seeds_and_subjects"]["seeds"] == 3
    wide = a["over_seeds_and_subjects"]
    assert wide["high"] - wide["low"] > a["interval"]["high"] - a["interval"]["low"]
    assert a["nadeau_bengio"]["folds"] == 3
    assert 0 < a["nadeau_bengio"]["p"] < 0.05
    b = next(each for each in column["methods"] if each["method"] == "x/b")
    assert b["sd_over_seeds"] == pytest.approx(0.15, abs=0.05)


def test_enough_datasets_give_a_critical_difference(tmp_path, monkeypatch):
    monkeypatch.setattr("synthbench.statistics.bootstrap.RESAMPLES", 99)
    rows = [
        row
        for number in range(6)
        for row in scores_of(
            {name: values + number for name, values in GOLDEN.items()}, dataset=f"x/{number}"
        )
    ]
    run, tables = load(tmp_path, rows)
    (across,) = stats(tables, run)["across_datasets"]
    assert across["friedman"]["mean_ranks"] == {"x/a": 3, "x/b": 1, "x/c": 2, "x/d": 4}
    assert across["critical_difference"] == pytest.approx(1.353999 * 2**0.5, abs=1e-6)
    assert across["not_separable"] == [["x/b", "x/c"], ["x/c", "x/a"], ["x/a", "x/d"]]
    assert len(across["all_pairs"]) == len(across["nemenyi"]) == 6
    text = markdown.appendix(run, tables, [])
    assert "mean ranks x/b 1.00, x/c 2.00, x/a 3.00, x/d 4.00; critical difference 1.91" in text
    assert "not told apart: x/b and x/c; x/c and x/a; x/a and x/d; Friedman p = " in text
    assert stats(tables[:4], run)["across_datasets"] == []
    assert "Across datasets" not in markdown.appendix(run, tables[:4], [])


def test_odd_runs_have_stats_too(tmp_path):
    rows = scores_of({"x/a": [20.0], "x/b": [21.0]})
    rows += [score("x/a", "", 3.0, metric="mae"), score("x/b", "", 4.0, metric="mae")]
    run, tables = load(tmp_path, rows, metrics=METRICS)
    content = stats(tables, run)
    json.dumps(content, allow_nan=False)
    assert all(column["comparisons"] == [] for column in content["tables"][0]["columns"])
    run, tables = load(tmp_path / "equal", scores_of({"x/a": [20.0] * 9, "x/b": [20.0] * 9}))
    (column,) = stats(tables, run)["tables"][0]["columns"]
    assert column["comparisons"][0]["p"] == 1.0
    assert column["comparisons"][0]["g_z"] is None


def test_the_command_line_passes_the_choices_on(tmp_path, capsys):
    folder = write_run(tmp_path / "run", scores_of(GOLDEN))
    out = tmp_path / "out"
    arguments = ["report", str(folder), "--test", "paired-t", "--correction", "bh"]
    arguments += ["--reference", "x/a", "--alpha", "0.01", "--margin", "psnr=0.5"]
    assert main([*arguments, "--out", str(out)]) == 0
    content = json.loads((out / "stats.json").read_text())
    assert content["testing"]["reference"] == "x/a"
    assert content["testing"]["margins"] == {"psnr": 0.5}
    assert "Benjamini-Hochberg" in capsys.readouterr().out
    table = (out / "table.md").read_text()
    assert "| 99% interval" in table
    assert re.search(r"x/b +\| x/a +\| \+0\.37[12] +\| \+0\.\d+ to \+0\.\d+ +\|", table)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--margin", "psnr"], "'psnr' is not METRIC=VALUE"),
        (["--margin", "psnr=-1"], "must be positive"),
        (["--margin", "psnr=nan"], "must be positive"),
        (["--reference", "x/e"], "has no method 'x/e'"),
        (["--alpha", "0"], "--alpha"),
    ],
)
def test_wrong_choices_are_usage_errors(tmp_path, capsys, option, message):
    folder = write_run(tmp_path, scores_of(GOLDEN))
    assert main(["report", str(folder), *option]) == 2
    assert message in capsys.readouterr().err


def test_a_reference_without_scores_is_said_to_leave_nothing_tested(tmp_path):
    folder = write_run(
        tmp_path,
        scores_of(GOLDEN),
        [*(cell(name) for name in GOLDEN), cell("x/big", "oom", message="no memory")],
    )
    run = RunFolder.load(folder)
    told = "Nothing is tested in PSNR (foreground): x/big, the reference, lacks scores that the"
    (table,) = build_tables(run, testing=Testing(reference="x/big"))
    assert not table.tested
    assert f"{told} others have." in notes(table, run)
    (table,) = build_tables(run, testing=Testing(reference="x/a"))
    assert not any("Nothing is tested" in note for note in notes(table, run))


def test_levels_and_differences_are_printed_as_they_are(tmp_path):
    run = RunFolder.load(write_run(tmp_path, scores_of(GOLDEN)))
    (table,) = build_tables(run, testing=Testing(alpha=0.001))
    text = markdown.appendix(run, [table], [])
    assert "99.9% interval" in text
    assert "100% interval" not in text
    shift = {"x/a": VALUES["A"], "x/b": VALUES["A"] - np.array([1e-7, 2e-7] * 6)}
    run = RunFolder.load(write_run(tmp_path / "2", scores_of(shift)))
    (table,) = build_tables(run)
    text = markdown.appendix(run, [table], [])
    assert "+0.000 to +0.000" in text
    assert "-0.000" not in text


def test_a_metric_of_sets_does_not_count_as_a_subject(tmp_path):
    about = {"evaluator": "x/fid", "label": "FID", "better": "lower", "version": 1}
    rows = scores_of(GOLDEN) + [
        score(name, "", 9.0 + at, metric="fid", evaluator="x/fid") for at, name in enumerate(GOLDEN)
    ]
    run = RunFolder.load(write_run(tmp_path, rows, metrics=METRICS | {"fid": about}))
    (table,) = build_tables(run)
    assert [table.n(0), table.n(1)] == [12, 0]
    assert "over n = 12 held-out subjects in the foreground" in caption(table, run)
    assert stats([table], run)["tables"][0]["columns"][1]["all_pairs"] == []


def test_folds_are_corrected_by_the_subjects_that_were_trained_on(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        score(method, f"s{n:02d}", 20 + gain + rng.normal(0, 0.2), fold=n % 3)
        for method, gain in (("x/a", 0.0), ("x/b", 0.3))
        for n in range(12)
    ]
    run, tables = load(tmp_path, rows)

    def corrected():
        return stats(tables, run)["tables"][0]["columns"][0]["comparisons"][0]["nadeau_bengio"]

    plain = corrected()
    names = [f"s{n:02d}" for n in range(12)]
    splits = [
        {
            **{"dataset": "core/phantom", "task": "t1 -> t2", "fold": fold},
            # A third is tested, a third trained on, a third kept for validation.
            **{"test": names[fold::3], "train": names[(fold + 1) % 3 :: 3]},
        }
        for fold in range(3)
    ]
    (run.path / "splits.json").write_text(json.dumps(splits))
    # The variance grows from 1/3 + 1/2 to 1/3 + 1 times that of the folds.
    assert corrected()["t"] == pytest.approx(plain["t"] * np.sqrt((1 / 3 + 1 / 2) / (1 / 3 + 1)))
