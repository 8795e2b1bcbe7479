from synthbench.report.cost import cost_rows
from synthbench.report.markdown import appendix
from synthbench.report.run_folder import RunFolder
from tests.report.handmade import cell, scores_of, write_run


def test_costs_are_means_over_finished_cells(tmp_path):
    numbers = {"parameters": "1487537", "steps": "600", "seconds_predict": "2.0"}
    cells = [
        cell("x/net", fold=0, **numbers, seconds_train="100.0", peak_rss_mb="900"),
        cell("x/net", fold=1, **numbers, seconds_train="200.0", peak_rss_mb="1100"),
        cell("x/net", fold=2, state="failed", seconds_train="9999"),
        cell("x/bare"),
    ]
    run = RunFolder.load(write_run(tmp_path, scores_of({"x/net": [1.0], "x/bare": [2.0]}), cells))
    ((dataset, task),) = run.tasks
    rows = {row[0]: row[1:] for row in cost_rows(run, dataset, task)}
    assert set(rows.values()) == {
        ("1 487 537", "600", "150.0", "2.0", "1 000"),
        ("--",) * 5,
    }
    assert "150.0" in appendix(run, [], [])


def test_gpu_memory_wins_over_that_of_the_process(tmp_path):
    cells = [cell("x/net", peak_rss_mb="900", peak_vram_mb="35000")]
    run = RunFolder.load(write_run(tmp_path, scores_of({"x/net": [1.0]}), cells))
    ((dataset, task),) = run.tasks
    assert cost_rows(run, dataset, task)[0][-1] == "35 000"
