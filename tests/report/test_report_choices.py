"""Digits, who is not told apart, seeds, and LaTeX that a real LaTeX accepts."""

import shutil
import subprocess

import numpy as np
import pytest

from synthbench.cli import main
from synthbench.report import latex, markdown
from synthbench.report.notes import notes
from synthbench.report.run_folder import RunFolder
from synthbench.report.tables import build_tables
from synthbench.report.testing import Testing
from tests.report.handmade import METRICS, cell, scores_of, write_run
from tests.statistics.golden import GOLDEN as VALUES

GOLDEN = {f"x/{name.lower()}": values for name, values in VALUES.items()}
#: Everything that means something to LaTeX, markdown or HTML, and letters beyond ASCII.
HOSTILE = (
    r"a_b&c%d#e$f{g}h~i^j\k",
    r"\input{/etc/hostname}",
    "<script>alert(1)</script>",
    "--|*`[x](y)",
    "Größe µ Δ → ≥ 漢字 é",
    r"\end{table}\\",
    "[2] 漢 5％",  # noqa: RUF001
    "*＼input｛/etc/hostname｝",  # noqa: RUF001
)


def load(tmp_path, rows, cells=None, testing=Testing(), decimals=None, **info):  # noqa: B008
    run = RunFolder.load(write_run(tmp_path, rows, cells, **info))
    return run, build_tables(run, testing=testing, decimals=decimals or {})[0]


def test_decimals_of_all_and_of_one_metric(tmp_path):
    rows = scores_of(GOLDEN) + scores_of({m: v / 100 for m, v in GOLDEN.items()}, metric="mae")
    run, table = load(tmp_path, rows, decimals={"": 0, "mae": 3})
    assert [column.decimals for column in table.columns] == [0, 3]
    # Marks follow what is printed: three methods round to 27.
    assert [row.cells[0].rank for row in table.rows] == [1, 1, 1, 2]
    text = markdown.render(table, run)
    assert "| **27 ± 1** " in text
    assert "**0.264 ± 0.011**" in text


@pytest.mark.parametrize("wrong", ["x", "psnr=", "=2", "psnr=-1", "10", "1.5"])
def test_odd_decimals_are_usage_errors(tmp_path, capsys, wrong):
    folder = write_run(tmp_path, scores_of(GOLDEN))
    assert main(["report", str(folder), "--decimals", wrong]) == 2
    assert "is neither N nor METRIC=N" in capsys.readouterr().err


def test_decimals_of_an_unknown_metric_are_refused(tmp_path, capsys):
    folder = write_run(tmp_path, scores_of(GOLDEN))
    assert main(["report", str(folder), "--decimals", "2", "--decimals", "psn=3"]) == 2
    told = capsys.readouterr().err
    assert "no table has a metric 'psn' for decimals" in told
    assert "did you mean psnr" in told


def test_who_is_not_told_apart_is_named(tmp_path):
    run, table = load(tmp_path, scores_of(GOLDEN), testing=Testing(alpha=0.01))
    assert "Not told apart from x/b in PSNR (foreground): x/c." in notes(table, run)
    run, table = load(tmp_path / "2", scores_of(GOLDEN), testing=Testing(reference="x/a"))
    assert "Not told apart from x/a in PSNR (foreground): x/c." in notes(table, run)
    run, table = load(tmp_path / "3", scores_of(GOLDEN), testing=Testing())
    assert not any("told apart" in note for note in notes(table, run))


def test_seeds_have_a_spread_of_their_own(tmp_path):
    rows = [
        row
        for seed in (0, 1, 2)
        for row in scores_of({"x/a": [20.0 + seed, 22.0 + seed], "x/b": [30.0, 31.0]}, seed=seed)
    ]
    run, table = load(tmp_path, rows)
    told = "Standard deviation over 3 training seeds of the mean PSNR (foreground): "
    assert f"{told}x/a 1.00 and x/b 0.00." in notes(table, run)
    # The table's own is over subjects, after averaging the seeds.
    assert table.rows[0].cells[0].sd == pytest.approx(np.std([21, 23], ddof=1))


def test_failed_cells_keep_row_and_reason_in_every_format(tmp_path):
    message = "CUDA out of memory & 50% <wasted>"
    cells = [*(cell(name) for name in GOLDEN), cell("x/big", "oom", message=message)]
    run, table = load(tmp_path, scores_of(GOLDEN), cells)
    assert f"x/big: 1 of 1 cell OOM: {message}." in notes(table, run)
    text = markdown.render(table, run)
    assert "OOM" in text
    assert r"50% \<wasted>" in text
    text = latex.render(table, run)
    assert r"x/big & OOM \\" in text
    assert r"memory \& 50\% \textless{}wasted\textgreater{}" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Größe", r"Gr\"{o}\ss{}e"),
        ("naïve é", "na\\\"{\\i}ve \\'{e}"),
        ("µ Δ λ", r"$\mu$ $\Delta$ $\lambda$"),
        ("漢\x07", "{}[U+6F22][U+0007]"),
        # Full-width characters are the plain ones underneath.
        ("＼input｛x｝ 5％ ＆", r"\textbackslash{}input\{x\} 5\% \&"),  # noqa: RUF001
        # Behind a row break, these would be its arguments.
        ("[2] a", "{}[2] a"),
        ("*a", "{}*a"),
    ],
)
def test_latex_gets_no_letter_that_it_does_not_know(text, expected):
    assert latex.escape(text) == expected


def compile_table(folder, table, run, *options):
    """Compile a paper of one table; returns what LaTeX printed."""
    (folder / "table.tex").write_text(latex.render(table, run), encoding="utf-8")
    (folder / "paper.tex").write_text(
        f"\\documentclass[{','.join(options)}]{{article}}\n\\usepackage{{booktabs,graphicx}}\n"
        "\\begin{document}\n\\input{table}\n\\end{document}\n"
    )
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "paper"],
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles_with_hostile_names(tmp_path):
    values = [20.0, 21.0, 22.5, 23.0, 24.0, 25.0, 26.0, 27.5]
    names = [f"x/{number}" for number in range(len(HOSTILE))]
    rows = scores_of({n: np.add(values, i * np.ones(8)) for i, n in enumerate(names)}, unit="#B_$")
    cells = [*(cell(name) for name in names), cell("x/big", "failed", message=HOSTILE[0])]
    run, table = load(
        tmp_path,
        rows,
        cells,
        methods={n: {"label": text, "notes": text} for n, text in zip(names, HOSTILE, strict=True)},
        metrics={"psnr": METRICS["psnr"] | {"label": "P_S%&", "definition": HOSTILE[4]}},
        command=HOSTILE[1],
        baselines=names[:1],
    )
    assert "Output written on paper.pdf (1 page" in compile_table(tmp_path, table, run)
    assert "Missing character" not in (tmp_path / "paper.log").read_text(errors="replace")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_cuts_nothing_off_where_methods_have_much_to_say(tmp_path):
    names = [f"x/{number}" for number in range(14)]
    rows = scores_of({n: np.arange(20.0, 24.0) + i for i, n in enumerate(names)})
    remark = "trains narrower networks on patches, at another rate than the paper; " * 4
    run, table = load(tmp_path, rows, methods={n: {"notes": remark} for n in names})
    printed = compile_table(tmp_path, table, run, "twocolumn")
    assert "Float too large" not in printed
    assert "Overfull" not in printed
    text = latex.render(table, run)
    inside, _, below = text.partition(r"\end{table}")
    assert "Cannot reach significance" in inside
    assert remark.strip(" ;") not in inside
    assert below.count(remark.strip(" ;")) == 14
