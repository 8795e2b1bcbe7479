import math

import numpy as np
import pytest

from synthbench.api.errors import DataError, UsageError
from synthbench.report.notes import notes
from synthbench.report.run_folder import RunFolder
from synthbench.report.tables import Table, build_table, build_tables
from tests.report.handmade import cell, score, scores_of, write_run

I = np.arange(12)  # noqa: E741
BASE = 27 + 1.5 * np.sin(1.7 * I)
GOLDEN = {
    "x/a": np.round(BASE, 3),
    "x/b": np.round(BASE + 0.35 + 0.25 * np.cos(2.3 * I), 3),
    "x/c": np.round(BASE + 0.10 + 0.40 * np.sin(3.1 * I + 1), 3),
    "x/d": np.round(BASE - 0.60 + 0.30 * np.cos(1.1 * I + 2), 3),
}


def load(tmp_path, *args, **kwargs) -> tuple[RunFolder, Table]:
    run = RunFolder.load(write_run(tmp_path, *args, **kwargs))
    (table,) = build_tables(run)
    return run, table


def column(table: Table, index: int = 0):
    return {row.method: row.cells[index] for row in table.rows}


def test_golden_table(tmp_path):
    _, table = load(tmp_path, scores_of(GOLDEN))
    cells = column(table)
    assert cells["x/b"].mean == pytest.approx(27.362833, abs=5e-7)
    assert cells["x/b"].sd == pytest.approx(1.074141, abs=5e-7)
    assert [cells[f"x/{name}"].rank for name in "abcd"] == [0, 1, 2, 0]
    assert [cells[f"x/{name}"].p_adjusted for name in "acd"] == pytest.approx(
        [0.00146484, 0.03417969, 0.00146484], abs=5e-9
    )
    assert [cells[f"x/{name}"].worse for name in "abcd"] == [True, False, True, True]
    assert cells["x/a"].test.mean_difference == pytest.approx(-0.3715, abs=5e-7)
    assert cells["x/b"].test is None
    assert table.opponent(0).method == "x/b"
    assert table.n(0) == 12


def test_holm_covers_every_test_of_the_table(tmp_path):
    rows = scores_of(GOLDEN) + scores_of(GOLDEN, region="whole")
    _, table = load(tmp_path, rows)
    assert len(table.tested) == 6
    # In one column alone it was 3 x 4.88e-4; now four tests share the smallest p.
    assert column(table)["x/a"].p_adjusted == pytest.approx(6 * 4.882812e-04, rel=1e-6)


def test_lower_is_better_for_errors(tmp_path):
    rows = scores_of({"x/a": [1.0, 2.0, 3.0], "x/b": [2.0, 3.0, 4.0]}, metric="mae", unit="HU")
    _, table = load(tmp_path, rows)
    assert column(table)["x/a"].rank == 1
    assert table.columns[0].title == "MAE ↓ (HU)"
    assert table.columns[0].format(12.3456) == "12.3"


def test_unit_free_errors_keep_their_digits(tmp_path):
    _, table = load(tmp_path, scores_of({"x/a": [0.12345]}, metric="mae", unit=""))
    assert table.columns[0].title == "MAE ↓"
    assert table.columns[0].format(0.12345) == "0.1235"


def test_values_that_print_alike_share_a_mark(tmp_path):
    _, table = load(
        tmp_path,
        scores_of({"x/a": [20.001] * 3, "x/b": [20.002] * 3, "x/c": [19.0] * 3, "x/d": [19.0] * 3}),
    )
    assert [c.rank for c in column(table).values()] == [1, 1, 2, 2]


def test_all_equal_scores_are_all_best_and_none_is_worse(tmp_path):
    run, table = load(tmp_path, scores_of({"x/a": [20.0] * 8, "x/b": [20.0] * 8}))
    assert [c.rank for c in column(table).values()] == [1, 1]
    assert [c.worse for c in column(table).values()] == [False, False]
    assert column(table)["x/b"].test.p == 1.0
    assert notes(table, run) == ["No method is told apart from another in any column."]


def test_seeds_are_averaged_within_a_subject(tmp_path):
    rows = scores_of({"x/a": [20.0, 22.0]}) + scores_of({"x/a": [24.0, 22.0]}, seed=1)
    _, table = load(tmp_path, rows)
    only = column(table)["x/a"]
    assert (only.n, only.mean, only.sd) == (2, 22.0, 0.0)


def test_sessions_are_averaged_within_a_patient(tmp_path):
    rows = scores_of({"x/a": [20.0, 22.0, 30.0]})
    _, table = load(tmp_path, rows, patients={"core/phantom": {"s00": "p", "s01": "p"}})
    only = column(table)["x/a"]
    assert (only.n, only.mean) == (2, 25.5)


def test_a_patient_in_two_folds_is_refused(tmp_path):
    rows = [score("x/a", "s00", 1.0, fold=0), score("x/a", "s01", 2.0, fold=1)]
    run = RunFolder.load(
        write_run(tmp_path, rows, patients={"core/phantom": {"s00": "p", "s01": "p"}})
    )
    with pytest.raises(DataError, match="'p' was tested in folds 0, 1"):
        build_tables(run)


def test_a_subject_scored_twice_is_refused(tmp_path):
    run = RunFolder.load(write_run(tmp_path, [score("x/a", "s00", 1.0), score("x/a", "s00", 2.0)]))
    with pytest.raises(DataError, match="two scores of subject 's00'"):
        build_tables(run)


def test_failed_methods_stay_visible(tmp_path):
    rows = scores_of({"x/a": [20.0, 21.0]})
    cells = [cell("x/a"), cell("x/b", "oom", message="needs\n11 GiB"), cell("x/c", "failed")]
    run, table = load(tmp_path, rows, [*cells, cell("x/d", "blocked", message="no weights")])
    assert [c.state for c in column(table).values()] == ["", "OOM", "failed", "blocked"]
    text = notes(table, run)
    assert "x/b: 1 of 1 cell OOM: needs 11 GiB." in text
    assert "x/d: 1 of 1 cell blocked: no weights." in text


def test_a_run_in_progress_says_so(tmp_path):
    rows = scores_of({"x/a": [20.0, 21.0]})
    cells = [cell("x/a"), cell("x/b", "running"), cell("x/c", "pending")]
    run, table = load(tmp_path, rows, cells)
    assert [c.state for c in column(table).values()] == ["", "--", "--"]
    assert notes(table, run)[0].startswith("PARTIAL TABLE: 1 of 3 cells finished")


def test_a_run_without_any_score_still_gives_a_table(tmp_path):
    _, table = load(tmp_path, [], [cell("x/a", "pending"), cell("x/b", "failed")])
    assert [column.metric for column in table.columns] == ["psnr", "mae"]
    assert [c.state for c in column(table).values()] == ["--", "failed"]


def test_a_method_that_lacks_a_fold_is_shown_but_not_ranked(tmp_path):
    rows = [
        score("x/a", "s00", 20.0),
        score("x/a", "s01", 22.0, fold=1),
        score("x/b", "s00", 30.0),
    ]
    cells = [cell("x/a"), cell("x/a", fold=1), cell("x/b"), cell("x/b", "timeout", fold=1)]
    run, table = load(tmp_path, rows, cells)
    a, b = column(table).values()
    assert (a.ranked, a.n, a.mean) == (True, 2, 21.0)
    assert (b.ranked, b.n, b.mean, b.rank, b.test) == (False, 1, 30.0, 0, None)
    assert any("x/b lacks subjects" in note and "n = 1 " in note for note in notes(table, run))


def test_nan_scores_leave_complete_cases(tmp_path):
    rows = scores_of({"x/a": [20.0, 21.0, 22.0]})
    rows += scores_of({"x/b": [19.0, math.nan, 21.0]})
    rows[4] |= {"status": "undefined", "value": "", "detail": "constant target"}
    run, table = load(tmp_path, rows)
    assert table.n(0) == 2
    assert column(table)["x/a"].mean == 21.0
    text = notes(table, run)
    assert "x/b: PSNR (foreground) undefined in 1 subject (s01): constant target." in text
    assert any("left out: 1 case from PSNR (foreground)" in note for note in text)


def test_notes_on_missing_values_share_what_they_have_in_common(tmp_path):
    rows = scores_of({"x/a": [20.0] * 5, "x/b": [19.0] * 5, "x/c": [21.0] * 5})
    rows += [row | {"metric": "mae", "value": 0.1} for row in rows]
    for row in rows:
        if row["method"] != "x/a" and row["subject"] != "s00":
            row |= {"status": "undefined", "value": "", "detail": "no weights"}
        elif (row["method"], row["subject"], row["metric"]) == ("x/a", "s01", "psnr"):
            row |= {"status": "undefined", "value": "", "detail": "NaN"}
    run, table = load(tmp_path, rows)
    text = notes(table, run)
    assert "x/b and x/c: every column undefined in 4 subjects: no weights." in text
    assert "x/a: PSNR (foreground) undefined in 1 subject (s01): NaN." in text
    assert text[-1].endswith("left out: 4 cases from every column.")


def test_a_method_without_any_value_is_not_available(tmp_path):
    rows = scores_of({"x/a": [20.0, 21.0], "x/b": [math.nan, math.nan]})
    _, table = load(tmp_path, rows)
    assert column(table)["x/b"].state == "n/a"
    assert column(table)["x/a"].n == 2


def test_one_subject_has_neither_spread_nor_test(tmp_path):
    run, table = load(tmp_path, scores_of({"x/a": [20.0], "x/b": [21.0]}))
    assert math.isnan(column(table)["x/a"].sd)
    assert table.tested == []
    assert "One subject only: no standard deviation and no test." in notes(table, run)


def test_one_method_is_not_ranked(tmp_path):
    run, table = load(tmp_path, scores_of({"x/a": [20.0, 21.0]}))
    assert column(table)["x/a"].rank == 0
    assert "One method only: nothing to rank or test." in notes(table, run)


def test_too_few_subjects_are_said_aloud(tmp_path):
    run, table = load(tmp_path, scores_of({"x/a": [20.0, 21.0, 22.0], "x/b": [19.0, 20.0, 21.5]}))
    note, power = notes(table, run)
    assert note.startswith("Cannot reach significance with n = 3: the smallest possible p is 0.25")
    assert "at least 6 subjects" in note
    assert power.endswith("in PSNR (foreground) would need (power 80%): about 6 for x/b.")


def test_subjects_that_several_differences_would_need_are_said_once(tmp_path):
    values = {"x/a": [20.0, 21.0, 22.0], "x/b": [19.0, 20.1, 21.9], "x/c": [18.5, 20.0, 20.9]}
    values["x/d"] = values["x/c"]
    run, table = load(tmp_path, scores_of(values))
    (line,) = [note for note in notes(table, run) if "would need" in note]
    # d_z is 1.4 for x/b and 4.5 for the others, which the least n for three tests then decides.
    assert line.endswith(": about 7 for x/c and x/d; about 10 for x/b.")


def test_a_lost_duel_with_a_baseline_is_said_aloud(tmp_path):
    rows = scores_of({"x/linear": [25.0] * 6, "x/gan": [24.0] * 6, "x/unet": [26.0] * 6})
    run, table = load(tmp_path, rows, baselines=["x/linear"])
    assert table.rows[0].method == "x/linear"
    text = [note for note in notes(table, run) if "beat" in note]
    assert text == ["x/gan does not beat x/linear in PSNR (foreground)."]


def test_lost_duels_are_said_in_few_words(tmp_path):
    rows = []
    for region in ("foreground", "whole"):
        floors = {"x/linear": [25.0] * 6, "x/mean": [26.0] * 6}
        methods = {"x/gan": [24.0] * 6, "x/unet": [23.0] * 6}
        rows += scores_of(floors | methods, region=region)
    run, table = load(tmp_path, rows, baselines=["x/linear", "x/mean"])
    text = [note for note in notes(table, run) if "beat" in note]
    assert text == ["x/gan and x/unet do not beat x/linear and x/mean in any column."]


def test_a_tie_with_a_baseline_does_not_beat_it(tmp_path):
    run, table = load(
        tmp_path, scores_of({"x/linear": [25.0] * 6, "x/gan": [25.001] * 6}), baselines=["x/linear"]
    )
    assert "x/gan does not beat x/linear in PSNR (foreground)." in notes(table, run)


def test_significance_against_the_mean_is_no_mark(tmp_path):
    # b is better in all subjects but one, which costs it the mean.
    a = np.linspace(20, 21, 16)
    b = a + np.linspace(0.1, 0.2, 16)
    b[0] -= 10
    run, table = load(tmp_path, scores_of({"x/a": a, "x/b": b}))
    assert column(table)["x/b"].p_adjusted < 0.05
    assert not column(table)["x/b"].worse
    assert any("a few large losses decide the mean" in note for note in notes(table, run))


def test_set_level_metrics_are_ranked_but_not_tested(tmp_path):
    rows = [score("x/a", "", 3.0), score("x/b", "", 4.0)]
    _, table = load(tmp_path, rows)
    assert [c.rank for c in column(table).values()] == [2, 1]
    assert table.tested == []


def test_default_columns_are_few(tmp_path):
    names = [f"m{number}" for number in range(6)]
    metrics = {name: {"evaluator": "x/e", "label": name, "better": "lower"} for name in names}
    rows = [
        score("x/a", "s0", 1.0, metric=name, region=region)
        for name in names
        for region in ("lesion", "whole", "foreground")
    ]
    run = RunFolder.load(write_run(tmp_path, rows, metrics=metrics))
    (table,) = build_tables(run)
    shown = [(column.metric, column.region) for column in table.columns]
    assert shown == [(f"m{n}", "foreground") for n in range(4)] + [("m0", "whole"), ("m1", "whole")]

    def chosen(**choice):
        columns = build_table(run, "core/phantom", "t1 -> t2", **choice).columns
        return [(column.metric, column.region) for column in columns]

    assert chosen(metrics=["m5"]) == [("m5", "foreground"), ("m5", "whole")]
    assert chosen(regions=["les*"]) == [(f"m{n}", "lesion") for n in range(4)]
    assert len(chosen(metrics=["all"], regions=["all"])) == 18
    with pytest.raises(UsageError, match="no metric 'm55'"):
        chosen(metrics=["m55"])
    with pytest.raises(UsageError, match="no region 'lesions'"):
        chosen(regions=["lesions"])


def test_every_task_has_its_own_table(tmp_path):
    rows = scores_of({"x/a": [20.0] * 6}) + scores_of({"x/a": [30.0] * 6}, task="t2 -> flair")
    tables = build_tables(RunFolder.load(write_run(tmp_path, rows)))
    assert [(table.task, column(table)["x/a"].mean) for table in tables] == [
        ("t1 -> t2", 20.0),
        ("t2 -> flair", 30.0),
    ]
