"""A table never mixes metric protocols; the spread table compares their ranks."""

import json

import pytest

from synthbench.api.errors import UsageError
from synthbench.cli import main
from synthbench.report import protocol_spread
from synthbench.report.caption import caption
from synthbench.report.run_folder import RunFolder
from synthbench.report.tables import build_tables
from tests.report.handmade import METRICS, scores_of, write_run

SUBJECTS = 6


def metric(evaluator, protocol, name="psnr", **changes):
    return {
        **METRICS["psnr"],
        **{"name": name, "evaluator": evaluator, "protocol": protocol, "protocol_version": 2},
        **changes,
    }


def values(*means):
    return {
        f"x/{'abc'[index]}": [mean + 0.02 * subject for subject in range(SUBJECTS)]
        for index, mean in enumerate(means)
    }


@pytest.fixture
def run(tmp_path):
    metrics = {
        "psnr": metric("core/iqa", "synthbench"),
        "core/other:psnr": metric("core/other", "other"),
        "sharpness": metric("y/own", "", name="sharpness", label="Sharpness", unit=""),
    }
    rows = scores_of(values(20, 21, 22))
    rows += scores_of(values(33, 32, 31), evaluator="core/other", region="whole")
    rows += scores_of(values(1, 2, 3), evaluator="y/own", metric="sharpness", unit="")
    return write_run(tmp_path, rows, metrics=metrics)


def test_a_table_of_several_protocols_is_refused(run):
    loaded = RunFolder.load(run)
    assert loaded.protocols == ["synthbench", "other"]
    with pytest.raises(UsageError, match="synthbench, other") as caught:
        build_tables(loaded)
    assert "--protocol" in caught.value.hint


def test_one_protocol_has_its_scores_and_those_without_protocol(run):
    loaded = RunFolder.load(run)
    for protocol, region, mean in (("synthbench", "foreground", 20), ("other", "whole", 33)):
        (table,) = build_tables(loaded.under(protocol), metrics=("all",), regions=("all",))
        first = table.rows[0].cells
        found = {
            (column.metric, column.region): cell.mean
            for column, cell in zip(table.columns, first, strict=True)
        }
        assert found == pytest.approx(
            {("psnr", region): mean + 0.05, ("sharpness", "foreground"): 1.05}
        )


def test_unknown_protocols_are_named(run):
    with pytest.raises(UsageError, match="not scored under protocol 'othr'") as caught:
        RunFolder.load(run).under("othr")
    assert "other" in caught.value.hint


def test_the_caption_names_protocol_and_version(run):
    chosen = RunFolder.load(run).under("other")
    (table,) = build_tables(chosen)
    assert "Metric protocol other, version 2." in caption(table, chosen)


def test_equal_names_without_protocol_do_not_mix(tmp_path):
    metrics = {
        "psnr": metric("y/own", ""),
        "core/iqa:psnr": metric("core/iqa", "synthbench"),
    }
    rows = scores_of(values(20, 21)) + scores_of(values(30, 31), evaluator="y/own")
    chosen = RunFolder.load(write_run(tmp_path, rows, metrics=metrics)).under("")
    assert list(chosen.metrics) == ["psnr", "y/own:psnr"]
    (table,) = build_tables(chosen)
    assert [column.label for column in table.columns] == ["PSNR", "PSNR (y/own)"]
    means = [round(cell.mean) for cell in table.rows[0].cells]
    assert means == [20, 30]


def test_runs_without_protocols_are_as_before(tmp_path):
    loaded = RunFolder.load(write_run(tmp_path, scores_of(values(20, 21))))
    assert loaded.protocols == []
    (table,) = build_tables(loaded)
    assert "protocol" not in caption(table, loaded)


def test_the_command_chooses(run, capsys):
    assert main(["report", str(run)]) == 2
    assert "--protocol" in capsys.readouterr().err
    assert main(["report", str(run), "--protocol", "other"]) == 0
    out = capsys.readouterr().out
    assert "33.05" in out
    assert "20.05" not in out


def test_spread_shows_scores_ranks_and_agreement(run, tmp_path, capsys):
    assert main(["report", str(run), "--protocol-spread", "--out", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert (tmp_path / "out" / "protocol_spread.md").read_text() == out
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in out.splitlines()]
    table = {cells[0]: cells[1:] for cells in lines if len(cells) == 4}
    assert table["method"] == [
        "synthbench: PSNR ↑ (dB), foreground",
        "other: PSNR ↑ (dB), whole volume",
        "ranks",
    ]
    assert table["x/a"] == ["20.05 (3)", "33.05 (1)", "1 to 3"]
    assert table["x/b"] == ["21.05 (2)", "32.05 (2)", "2"]
    assert table["n"] == [str(SUBJECTS), str(SUBJECTS), ""]
    assert table["tau"] == ["1.00", "-1.00", ""]
    assert "Sharpness" not in out


def test_spread_groups_by_family_and_names_protocols_without_scores(tmp_path):
    metrics = {
        "ssim": metric("core/iqa", "synthbench", name="ssim", label="SSIM", unit=""),
        "ms_ssim": metric("core/o", "o", name="ms_ssim", label="MS", unit="", family="ssim"),
        "alone": metric("core/iqa", "synthbench", name="alone", label="Alone", unit=""),
        "mae": metric("core/ct", "ct", name="mae", label="MAE", better="lower"),
    }
    rows = scores_of(values(0.5, 0.6), metric="ssim", unit="")
    rows += scores_of(values(0.9, 0.8), metric="ms_ssim", unit="", evaluator="core/o")
    rows += scores_of(values(3, 4), metric="alone", unit="")
    nothing = {"status": "unavailable", "detail": "no HU", "evaluator": "core/ct"}
    rows += scores_of({"x/a": ["", ""], "x/b": ["", ""]}, metric="mae", **nothing)
    text = protocol_spread.render(RunFolder.load(write_run(tmp_path, rows, metrics=metrics)))
    (header,) = [line for line in text.splitlines() if line.startswith("| method")]
    assert "SSIM" in header
    assert "MS" in header
    assert "Alone" not in text
    assert "No score on this task: ct; --protocol says why." in text


def test_spread_needs_two_protocols(tmp_path):
    run = write_run(
        tmp_path, scores_of(values(20, 21)), metrics={"psnr": metric("core/iqa", "synthbench")}
    )
    with pytest.raises(UsageError, match="nothing to compare"):
        protocol_spread.render(RunFolder.load(run))
    with pytest.raises(UsageError, match="no protocol"):
        protocol_spread.render(RunFolder.load(write_run(tmp_path / "old", scores_of(values(20)))))


@pytest.mark.parametrize("option", [["--protocol", "other"], ["--format", "csv"]])
def test_spread_takes_no_choice_of_columns(run, capsys, option):
    assert main(["report", str(run), "--protocol-spread", *option]) == 2
    assert "all protocols" in capsys.readouterr().err


def test_a_finished_run_prints_every_protocol(run, capsys):
    from synthbench.cli.report import print_run

    print_run(run)
    out = capsys.readouterr().out
    assert "Metric protocol synthbench, version 2" in out
    assert "Metric protocol other, version 2" in out


def test_keys_of_run_json_do_not_matter(run):
    content = json.loads((run / "run.json").read_text())
    content["metrics"] = dict(reversed(content["metrics"].items()))
    (run / "run.json").write_text(json.dumps(content))
    (table,) = build_tables(RunFolder.load(run).under("synthbench"))
    assert "psnr" in [column.metric for column in table.columns]


def test_metrics_of_whole_volumes_are_shown_beside_those_of_the_foreground(tmp_path):
    names = ("psnr", "ssim", "nmse")
    metrics = {name: metric("core/o", "o", name=name) for name in names}
    metrics["jump"] = metric("core/artefacts", "", name="jump")
    rows = [row for name in names for row in scores_of(values(1, 2), metric=name, region="whole")]
    rows += scores_of(values(1, 2), metric="jump", evaluator="core/artefacts")
    (table,) = build_tables(RunFolder.load(write_run(tmp_path, rows, metrics=metrics)))
    assert [(column.metric, column.region) for column in table.columns] == [
        ("jump", "foreground"),
        *((name, "whole") for name in names),
    ]
