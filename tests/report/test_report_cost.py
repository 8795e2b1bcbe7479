import pandas as pd

from synthbench.report.cost import cost_note, cost_table
from synthbench.report.markdown import appendix
from synthbench.report.run_folder import RunFolder
from tests.report.handmade import cell, scores_of, write_run


def costs(run):
    ((dataset, task),) = run.tasks
    header, *rows = cost_table(run, dataset, task)
    return header, {row[0]: row[1:] for row in rows}, cost_note(run, dataset, task)


def test_costs_are_means_over_finished_cells(tmp_path):
    numbers = {"parameters": "1487537", "steps": "600", "seconds_predict": "2.0", "volumes": "4"}
    first = {"seconds_train": "100.0", "peak_rss_train_mb": "900", "peak_rss_predict_mb": "400"}
    second = {"seconds_train": "200.0", "peak_rss_train_mb": "1100", "peak_rss_predict_mb": "420"}
    cells = [
        cell("x/net", fold=0, **numbers, **first, threads="2"),
        cell("x/net", fold=1, **numbers, **second, threads="2"),
        cell("x/net", fold=2, state="failed", seconds_train="9999"),
        cell("x/bare"),
    ]
    run = RunFolder.load(write_run(tmp_path, scores_of({"x/net": [1.0], "x/bare": [2.0]}), cells))
    header, rows, note = costs(run)
    assert header[3:] == (
        *("training (s)", "memory (MB)"),
        *("translating (s a volume)", "memory (MB)"),
    )
    assert sorted(rows.values()) == [
        ("--",) * 6,
        ("1 487 537", "600", "150.0", "1 000", "0.50", "410"),
    ]
    assert "(2 CPU threads a cell)" in note
    assert "150.0" in appendix(run, [], [])


def test_gpu_memory_has_columns_where_a_gpu_was_used(tmp_path):
    peaks = {"peak_rss_train_mb": "900", "peak_vram_train_mb": "35000"}
    cells = [cell("x/net", **peaks, peak_vram_predict_mb="2000"), cell("x/floor")]
    scores = scores_of({"x/net": [1.0], "x/floor": [0.5]})
    header, rows, note = costs(RunFolder.load(write_run(tmp_path, scores, cells)))
    assert header.count("GPU memory (MB)") == 2
    assert ("900", "35 000") in [row[3:5] for row in rows.values()]
    assert ("--",) * 8 in rows.values()
    assert "threads" not in note


def test_what_a_run_did_not_measure_has_no_column(tmp_path):
    folder = write_run(tmp_path, scores_of({"x/net": [1.0]}), [cell("x/net", seconds_train="3")])
    path = folder / "cells.csv"
    cells = pd.read_csv(path, dtype=str)
    cells.drop(columns=[name for name in cells if name.startswith("peak")]).to_csv(path)
    header, _, note = costs(RunFolder.load(folder))
    assert header == ("method", "parameters", "steps", "training (s)", "translating (s a volume)")
    assert "Memory" not in note
