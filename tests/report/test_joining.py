"""Several runs in one table: what is put together, and what is refused."""

import json
from dataclasses import replace

import pytest

from synthbench.api.errors import DataError
from synthbench.cli import main
from synthbench.report.joining import join
from synthbench.report.notes import notes
from synthbench.report.run_folder import RunFolder
from synthbench.report.tables import build_tables
from tests.report.handmade import METRICS, cell, scores_of, write_run

SPLIT = {"train": ["s90", "s91"], "validation": [], "test": ["s00", "s01"]}


def load(tmp_path, method="x/a", *, splits=({},), prep=None, **info):
    name = info.setdefault("name", method.replace("/", "-"))
    folder = write_run(
        tmp_path, scores_of({method: [20.0, 21.0]}), [cell(method, predict_dir=name)], **info
    )
    content = [
        {"dataset": "core/phantom", "task": "t1 -> t2", "fold": fold, **SPLIT, **changes}
        for fold, changes in enumerate(splits)
    ]
    (folder / "splits.json").write_text(json.dumps(content))
    if prep is not None:
        payload = {"dataset": "core/phantom", "source": ["t1"], "target": "t2", "spacing": None}
        payload |= {"subjects": {"s00": "abc", "s01": "def"}} | prep
        (folder / "preps" / "0").mkdir(parents=True)
        (folder / "preps" / "0" / "prep.json").write_text(json.dumps({"payload": payload}))
    return RunFolder.load(folder)


def test_methods_of_two_runs_stand_in_one_table(tmp_path):
    run = join([load(tmp_path, "x/a", prep={}), load(tmp_path, "x/b", prep={})])
    (table,) = build_tables(run)
    assert [row.method for row in table.rows] == ["x/a", "x/b"]
    assert table.n(0) == 2
    assert run.name == "x-a + x-b"


def test_the_same_name_is_kept_apart_unless_the_predictions_are_the_same(tmp_path):
    one, two = load(tmp_path / "1", name="one"), load(tmp_path / "2", name="two")
    (table,) = build_tables(join([one, two]))
    assert [row.label for row in table.rows] == ["x/a", "x/a (two)"]
    (table,) = build_tables(join([one, one]))
    assert [row.label for row in table.rows] == ["x/a"]


def segmented(tmp_path, name, method, *, real, dice, made=""):
    """A run whose methods were judged by a segmenter, with its upper bound."""
    metric = {"evaluator": "core/overlap:unet", "metric": "dice_unet", "region": "tumour"}
    rows = scores_of({method: [20.0, 21.0]}) + scores_of(
        {method: dice, "bound/real": real}, **metric
    )
    about = {"evaluator": "core/overlap:unet", "label": "Dice", "better": "higher", "version": 1}
    folder = write_run(
        tmp_path,
        rows,
        [cell(method, predict_dir=made or name)],
        name=name,
        methods={"bound/real": {"bound": "upper", "label": "real → real"}},
        metrics=METRICS | {"dice_unet": about},
    )
    return RunFolder.load(folder)


def dice_rows(*runs):
    (table,) = build_tables(join(runs), metrics=["dice_unet"], regions=["tumour"])
    return {row.label: (row.cells[0].mean, row.cells[0].n) for row in table.rows}


def test_a_bound_that_runs_share_stands_there_once(tmp_path):
    one = segmented(tmp_path, "one", "x/a", real=[0.9, 0.8], dice=[0.5, 0.6])
    two = segmented(tmp_path, "two", "x/b", real=[0.9, 0.8], dice=[0.7, 0.8])
    assert dice_rows(one, two) == {
        "x/a": (pytest.approx(0.55), 2),
        "x/b": (pytest.approx(0.75), 2),
        "real → real": (pytest.approx(0.85), 2),
    }


def test_bounds_trained_twice_with_other_results_are_kept_apart(tmp_path):
    one = segmented(tmp_path, "one", "x/a", real=[0.9, 0.8], dice=[0.5, 0.6])
    two = segmented(tmp_path, "two", "x/b", real=[0.9, 0.7], dice=[0.7, 0.8])
    found = dice_rows(one, two)
    assert found["real → real"] == (pytest.approx(0.85), 2)
    assert found["real → real (two)"] == (pytest.approx(0.8), 2)


def test_a_method_that_runs_share_has_the_scores_of_both(tmp_path):
    plain = load(tmp_path, "x/a", name="plain")
    two = segmented(tmp_path, "two", "x/a", real=[0.9, 0.8], dice=[0.5, 0.6], made="plain")
    same = plain.cells.assign(predict_dir=str((two.path / "plain").resolve()))
    joined = join([replace(plain, cells=same), two])
    (table,) = build_tables(joined, metrics=["psnr", "dice_unet"], regions=["all"])
    assert [row.label for row in table.rows] == ["x/a", "real → real"]
    assert [cell.n for cell in table.rows[0].cells] == [2, 2]


@pytest.mark.parametrize(
    ("splits", "difference"),
    [
        (({"test": ["s01", "s02"]},), "only x-a tests s00 and only x-b tests s02"),
        (({"train": ["s90"]},), "only x-a trains on s91"),
        (({"validation": ["s95"]},), "only x-b validates on s95"),
        (({}, {}), "1 fold and 2 folds"),
        (
            ({"test": ["s00", "s01", *(f"s1{n}" for n in range(5))]},),
            "only x-b tests s10, s11, s12 and 2 more",
        ),
    ],
)
def test_other_splits_are_refused(tmp_path, splits, difference):
    runs = [load(tmp_path, "x/a"), load(tmp_path, "x/b", splits=splits)]
    with pytest.raises(DataError) as caught:
        join(runs)
    assert caught.value.message == (
        f"x-a and x-b differ in the split of t1 -> t2 on phantom: {difference}"
    )
    assert "--split-file" in caught.value.hint


@pytest.mark.parametrize(
    ("prep", "difference"),
    [
        ({"spacing": [1, 1, 1]}, "spacing"),
        ({"subjects": {"s00": "abc", "s01": "changed"}}, "the content of the volumes"),
    ],
)
def test_other_data_are_refused(tmp_path, prep, difference):
    runs = [load(tmp_path, "x/a", prep={}), load(tmp_path, "x/b", prep=prep)]
    with pytest.raises(
        DataError, match=f"x-a and x-b differ in {difference} of t1 -> t2 on core/ph"
    ):
        join(runs)


def test_other_protocols_and_definitions_are_refused(tmp_path):
    def metrics(**changes):
        return {"psnr": METRICS["psnr"] | changes}

    one = load(tmp_path, "x/a", metrics=metrics(protocol="plain"))
    two = load(tmp_path, "x/b", metrics=metrics(protocol="synthrad", evaluator="core/synthrad"))
    with pytest.raises(DataError, match="x-a was scored under plain, x-b under synthrad"):
        join([one, two])
    three = load(tmp_path, "x/c", metrics=metrics(protocol="plain", version=2))
    with pytest.raises(DataError, match="psnr of core/iqa was defined otherwise in x-c than in x-"):
        join([one, three])


def test_other_presets_are_said(tmp_path):
    run = join([load(tmp_path, "x/a", preset="quick"), load(tmp_path, "x/b")])
    told = "The runs were made with different presets: x-a quick, x-b paper."
    assert told in notes(build_tables(run)[0], run)


def test_the_command_refuses_in_two_lines(tmp_path, capsys):
    one = load(tmp_path, "x/a").path
    two = load(tmp_path, "x/b", splits=({"test": ["s07"]},)).path
    assert main(["report", str(one), str(two)]) == 6
    told = capsys.readouterr()
    assert told.out == ""
    assert [line.split(":")[0] for line in told.err.splitlines()] == ["Error", "hint"]


def test_every_pair_of_runs_is_compared(tmp_path):
    others = [
        load(tmp_path, "x/b", splits=({"task": "t2 -> t1"},)),
        load(tmp_path, "x/c", splits=({"task": "t2 -> t1", "test": ["s00", "s07"]},)),
    ]
    with pytest.raises(DataError, match="only x-b tests s01 and only x-c tests s07"):
        join([load(tmp_path, "x/a"), *others])


def test_runs_of_one_name_do_not_lose_scores(tmp_path):
    runs = [load(tmp_path / str(n), prep={}, name="demo") for n in range(3)]
    runs = [
        replace(run, scores=run.scores.assign(value=run.scores["value"] + number))
        for number, run in enumerate(runs)
    ]
    (table,) = build_tables(join(runs))
    found = {row.label: row.cells[0].mean for row in table.rows}
    assert found == {"x/a": 20.5, "x/a (demo#2)": 21.5, "x/a (demo#3)": 22.5}


def test_methods_trained_with_fewer_seeds_are_named(tmp_path):
    rows = [row for seed in range(3) for row in scores_of({"x/a": [20.0, 21.0]}, seed=seed)]
    one = RunFolder.load(write_run(tmp_path, rows, name="one"))
    two = RunFolder.load(write_run(tmp_path, scores_of({"x/b": [22.0, 23.0]}), name="two"))
    run = join([one, two])
    (table,) = build_tables(run)
    assert "x/b: 1 training seed, not 3." in notes(table, run)
    (table,) = build_tables(one)
    assert not any("not 3" in note for note in notes(table, one))
