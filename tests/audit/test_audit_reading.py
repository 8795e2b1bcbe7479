import pytest

from synthbench.api.errors import DataError
from synthbench.audit import read
from synthbench.report import markdown, tidy
from synthbench.report.run_folder import RunFolder
from synthbench.report.tables import build_tables
from tests.report.handmade import cell, scores_of, write_run


def table(tmp_path, text, name="table.csv", **options):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read(path, **options)


def test_one_number_a_line(tmp_path):
    claims = table(
        tmp_path,
        "# from somewhere\n"
        "task,method,metric,mean,sd,n,better,mark,range\n"
        "t,a,PSNR,28.10,0.3,12,higher,bold,255\n"
        "t,b,odd,1.0,,,lower,,\n"
        "t,b,PSNR,-,,,,,\n",
    )
    first, second = claims
    assert (first.mean, first.sd, first.n, first.decimals) == (28.1, 0.3, 12, 2)
    assert (first.better, first.mark, first.data_range, first.line) == ("higher", "best", 255, 3)
    assert (second.metric, second.better, second.n, second.sd) == ("odd", "lower", None, None)


def test_a_table_as_printed(tmp_path):
    claims = table(
        tmp_path,
        "dataset;method;n;SSIM ↑;PSNR (dB);odd ↓\nx;a;5;**0.90 ± 0.01**;28,\n".replace(
            "28,", "28.0;3\n"
        )
        + "x;b;5;<u>0.80 ± 0.02</u>;OOM;-\n",
    )
    assert [(c.method, c.metric, c.mean, c.better) for c in claims] == [
        ("a", "SSIM", 0.9, "higher"),
        ("a", "PSNR", 28.0, "higher"),
        ("a", "odd", 3.0, "lower"),
        ("b", "SSIM", 0.8, "higher"),
    ]
    assert {c.task for c in claims} == {"x"}
    assert {c.n for c in claims} == {5}


def test_what_the_table_does_not_say_comes_from_outside(tmp_path):
    text = "method,n,range,PSNR\na,,,20\nb,7,255,21\n"
    one, two = table(tmp_path, text, n=5, data_range=1.0)
    assert (one.n, one.data_range) == (5, 1.0)
    assert (two.n, two.data_range) == (7, 255.0)


def test_own_reports_are_read(tmp_path):
    values = [20.0 + 0.1 * number for number in range(10)]
    rows = scores_of({"x/a": values, "x/b": [v + 1 + 0.02 * i for i, v in enumerate(values)]})
    rows += scores_of({"x/a": values, "x/b": values}, region="whole")
    cells = [cell("x/a"), cell("x/b"), cell("x/big", "oom")]
    run = RunFolder.load(write_run(tmp_path, rows, cells))
    (made,) = build_tables(run)
    text = markdown.render(made, run) + markdown.appendix(run, [made], [])
    claims = table(tmp_path, text, "table.md")
    assert {(c.method, c.metric) for c in claims} == {
        (method, f"PSNR, {region}")
        for method in ("x/a", "x/b")
        for region in ("foreground", "whole volume")
    }
    assert {c.n for c in claims} == {10}
    assert {c.kind for c in claims} == {"psnr"}
    assert [c.mark for c in claims if c.method == "x/b"] == ["best", "best"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no table"),
        ("method,PSNR\n", "holds no table"),
        ("method,PSNR\na,-\n", "holds no number"),
        ("method,PSNR\na,1,2\n", "line 2: 3 cells under 2 titles"),
        ("method,PSNR\na,1..2\n", "line 2: column PSNR: '1..2' is not a number"),
        ("name,PSNR\na,1\n", "line 2: there is no column named method"),
        ("metric,mean\nPSNR,1\n", "also needs one named method"),
        ("method,metric,mean,mark\na,PSNR,1,fat\n", "mark 'fat'"),
        ("method,metric,mean,better\na,PSNR,1,up\n", "better 'up'"),
        ("method,n,PSNR\na,few,1\n", "n 'few' is not a number of subjects"),
        ("method,range,PSNR\na,0,1\n", "range '0' is not positive"),
        ("method,PSNR\na,1\na,2\n", "line 3: a has its PSNR in line 2 already"),
    ],
)
def test_bad_tables_are_refused_with_their_line(tmp_path, text, message):
    with pytest.raises(DataError, match=r"table\.csv") as caught:
        table(tmp_path, text)
    assert message in caught.value.message


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "table.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / "table.csv")


def test_a_bar_within_a_name_parts_no_cells(tmp_path):
    run = RunFolder.load(
        write_run(
            tmp_path,
            scores_of({"x/a": [20.0, 21.0], "x/b": [22.0, 24.0]}),
            methods={"x/a": {"label": "a|b_*"}},
        )
    )
    (printed,) = build_tables(run)
    claims = table(tmp_path, markdown.render(printed, run), "table.md")
    assert [(claim.method, claim.mean) for claim in claims] == [("a|b_*", 20.5), ("x/b", 23.0)]
    (claim,) = table(tmp_path, "| method | MAE\n|---|---\n| a | 2.0\n", "open.md")
    assert claim.mean == 2.0


def test_own_csv_is_read_with_its_regions_and_datasets(tmp_path):
    values = {"x/a": [20.0, 21.0, 22.0], "x/b": [22.0, 23.5, 24.0]}
    rows = scores_of(values) + scores_of(values, region="whole")
    run = RunFolder.load(write_run(tmp_path, rows + scores_of(values, dataset="x/other")))
    claims = table(tmp_path, tidy.render(build_tables(run), run))
    assert {(claim.task, claim.metric) for claim in claims} == {
        ("core/phantom: t1 -> t2", "psnr, foreground"),
        ("core/phantom: t1 -> t2", "psnr, whole"),
        ("x/other: t1 -> t2", "psnr, foreground"),
    }
    assert {(claim.kind, claim.better, claim.n) for claim in claims} == {("psnr", "higher", 3)}
