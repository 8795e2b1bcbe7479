import csv
import io
import re

import pytest

from synthbench.report import latex, markdown, tidy
from synthbench.report.caption import caption, definitions
from synthbench.report.run_folder import RunFolder
from synthbench.report.tables import build_tables
from tests.report.handmade import METRICS, cell, scores_of, write_run

TEN = [20.0 + 0.1 * number for number in range(10)]
VALUES = {
    "x/linear": TEN,
    "x/gan": [value + 1 + 0.02 * number for number, value in enumerate(TEN)],
    "x/unet": [value + 2 + 0.04 * number for number, value in enumerate(TEN)],
}


@pytest.fixture
def rendered(tmp_path):
    run = RunFolder.load(
        write_run(
            tmp_path,
            scores_of(VALUES),
            [*(cell(method) for method in VALUES), cell("x/big_net", "oom")],
            baselines=["x/linear"],
            preset="quick",
            spacing=[1, 1, 2.5],
            notes=["LPIPS is missing"],
            command="synthbench run --methods all",
        )
    )
    (table,) = build_tables(run)
    return run, table


def test_markdown_marks(rendered):
    run, table = rendered
    text = markdown.render(table, run)
    assert "| **22.63 ± 0.42** " in text
    assert "| <ins>21.54 ± 0.36</ins> † " in text
    assert "| 20.45 ± 0.30 † " in text
    assert re.search(r"\| x/big_net +\| +OOM", text)
    assert re.search(r"\| n +\| 10 ", text)
    assert "- LPIPS is missing" in text


def test_markdown_columns_line_up(rendered):
    run, table = rendered
    rows = [line for line in markdown.render(table, run).splitlines() if line.startswith("|")]
    assert len({len(row) for row in rows}) == 1


def test_caption_says_all(rendered):
    run, table = rendered
    text = caption(table, run)
    for part in (
        "n = 10 held-out subjects in the foreground",
        "one training seed",
        "one hold-out split",
        "Wilcoxon signed-rank test on paired values (exact)",
        "Holm correction over all 2 tests",
        "alpha = 0.05",
        "↑ higher is better",
        "x/linear is a baseline",
        "Grid 1 x 1 x 2.5 mm",
        "Preset quick: a shortened training schedule",
    ):
        assert part in text
    assert "10 log10(1 / MSE) (version 1; dynamic range: fixed, 1.0)" in definitions(table)[0]


def test_paper_preset_needs_no_warning_and_folds_are_counted(tmp_path):
    rows = scores_of({"x/a": [1.0, 2.0]})
    rows[1]["fold"] = 1
    run = RunFolder.load(write_run(tmp_path, rows))
    text = caption(build_tables(run)[0], run)
    assert "shortened" not in text
    assert "2-fold cross-validation" in text
    assert "Wilcoxon" not in text


def test_latex_marks_and_rules(rendered):
    run, table = rendered
    text = latex.render(table, run)
    assert r"\textbf{22.63} $\pm$ 0.42" in text
    assert r"\underline{21.54} $\pm$ 0.36\textsuperscript{$\dagger$}" in text
    assert r"x/big\_net & OOM \\" in text
    for rule in (r"\toprule", r"\bottomrule", r"\cmidrule(lr){2-2}"):
        assert rule in text
    assert text.count(r"\begin{") == text.count(r"\end{")
    assert text.startswith("% Run: demo")


def test_latex_escapes_every_name(tmp_path):
    name = 'a_b&c%d#e$f{g}h~i^j\\k<l>m|n"o`p--q'
    metrics = {"psnr": METRICS["psnr"] | {"label": "P_S%"}}
    run = RunFolder.load(
        write_run(
            tmp_path,
            scores_of({name: TEN}, region="rim_&_core", unit="#B"),
            methods={name: {"label": name, "notes": "50% of $x_i$"}},
            metrics=metrics,
            command="run\n\\input{secrets}",
        )
    )
    text = latex.render(build_tables(run)[0], run)
    assert (
        r"a\_b\&c\%d\#e\$f\{g\}h\textasciitilde{}i\textasciicircum{}j\textbackslash{}k"
        r"\textless{}l\textgreater{}m\textbar{}n''o\textasciigrave{}p-{}-q &"
    ) in text
    assert r"P\_S\% $\uparrow$ (\#B)" in text
    assert r"rim \& core" in text
    assert r"50\% of \$x\_i\$" in text
    assert all(line.startswith("%") for line in text.splitlines() if "secrets" in line)
    assert text.isascii()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pix2pix_resunet", "pix2pix_resunet"),
        ("_private_", r"\_private\_"),
        ("a|b*c<d>`e`[f]", r"a\|b\*c\<d>\`e\`\[f\]"),
        ("> 3 T, t1 -> t2", r"\> 3 T, t1 -> t2"),
        ("a &lt; b & c", "a &amp;lt; b & c"),
        ("two\nlines", "two lines"),
        ("~~$x$~~\\", r"\~\~\$x\$\~\~\\"),
    ],
)
def test_markdown_escapes(name, expected):
    assert markdown.escape(name) == expected


def test_csv_has_full_precision_and_every_p(rendered):
    run, table = rendered
    rows = list(csv.DictReader(io.StringIO(tidy.render([table], run))))
    assert [row["method"] for row in rows] == [row.method for row in table.rows]
    unet = next(row for row in rows if row["method"] == "x/unet")
    gan = next(row for row in rows if row["method"] == "x/gan")
    big = next(row for row in rows if row["method"] == "x/big_net")
    assert float(unet["mean"]) == pytest.approx(sum(VALUES["x/unet"]) / 10, rel=1e-14)
    assert (unet["p"], unet["compared_with"]) == ("", "")
    assert float(gan["p"]) == 2 / 2**10
    assert float(gan["p_adjusted"]) == 4 / 2**10
    assert gan["compared_with"] == "x/unet"
    assert gan["null_distribution"] == "exact"
    assert (big["state"], big["mean"]) == ("OOM", "")


def test_no_negative_zero(tmp_path):
    run = RunFolder.load(write_run(tmp_path, scores_of({"x/a": [-0.0001]})))
    (table,) = build_tables(run)
    assert table.columns[0].format(-0.0001) == "0.00"
