"""Several runs in one table: what is put together, and what is refused."""

import json

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
