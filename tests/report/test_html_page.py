"""The HTML page without a browser: what it says, that it is escaped, that it needs no network."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from synthbench.api.errors import UsageError
from synthbench.cli import main
from synthbench.report import markdown
from synthbench.report.html.page import write_page
from synthbench.report.run_folder import RunFolder
from synthbench.report.stats import stats
from synthbench.report.tables import build_tables
from synthbench.report.testing import Testing
from tests.report.handmade import METRICS, cell, score, scores_of, write_run
from tests.report.test_comparison_figure import predict, prepare, run_folder  # noqa: F401

TEN = [20.0 + 0.1 * number for number in range(10)]
VALUES = {
    "x/linear": TEN,
    "x/gan": [value + 1 + 0.02 * number for number, value in enumerate(TEN)],
    "x/unet": [value + 2 + 0.04 * number for number, value in enumerate(TEN)],
}
HOSTILE = """<script>alert(1)</script>"><img src=x onerror=alert(2)>'&amp;{{7*7}}"""
#: Elements without an end.
VOID = {"meta", "link", "input", "img", "br"}


class Page(HTMLParser):
    """Elements of a page in order, with their text; checks that all of them are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open: list[tuple[str, list[str]]] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        texts: list[str] = []
        self.elements.append((tag, dict(attrs), texts))
        if tag not in VOID:
            self._open.append((tag, texts))

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag

    def handle_data(self, data):
        for _, texts in self._open:
            texts.append(data)

    def all(self, tag, **wanted):
        return [
            "".join(texts)
            for name, attributes, texts in self.elements
            if name == tag and all(attributes.get(key) == value for key, value in wanted.items())
        ]


def make(tmp_path, folder, *, subjects=(), testing=Testing(), **chosen):  # noqa: B008
    run = RunFolder.load(folder)
    tables = build_tables(run, testing=testing, **chosen)
    path = tmp_path / "out" / "report.html"
    missing = write_page(run, tables, stats(tables, run), path, subjects)
    return path.read_text(encoding="utf-8"), missing


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("page")
    cells = [*(cell(method) for method in VALUES), cell("x/big", "oom", message="needs <40> GB")]
    folder = write_run(tmp_path, scores_of(VALUES), cells, baselines=["x/linear"])
    return make(tmp_path, folder)[0]


def test_the_table_has_the_same_cells_marks_and_caption_as_markdown(tmp_path):
    rows = [*scores_of(VALUES), *scores_of({"x/late": TEN[:3]})]
    folder = write_run(tmp_path, rows, baselines=["x/linear"])
    run = RunFolder.load(folder)
    (table,) = build_tables(run)
    page = Page(make(tmp_path, folder)[0])
    shown = [" ".join(text.split()) for text in page.all("td") if "±" in text]
    lines = [line for line in markdown.render(table, run).splitlines() if line.startswith("|")]
    printed = [line.split("|")[2] for line in lines if "±" in line]
    plain = [re.sub(r"\*\*|</?ins>|\s", "", text) for text in printed]
    assert [text.replace(" ", "") for text in shown] == plain
    assert page.all("b")[1:2] == ["22.63 dB"]  # the summary
    assert "22.63 ± 0.42" in page.all("b")
    assert page.all("u") == ["21.54 ± 0.36"]
    caption = markdown.render(table, run).split("\n\n")[2]
    assert markdown.escape(page.all("p", **{"class": "caption"})[0]) == caption


def test_summary_names_the_best_and_what_is_not_shown_to_differ(tmp_path):
    close = {"x/a": TEN, "x/b": [value + (-0.3, 0.4)[i % 2] for i, value in enumerate(TEN)]}
    worse = {"x/c": [value - 3 for value in TEN]}
    page = Page(make(tmp_path, write_run(tmp_path, scores_of(close | worse)))[0])
    assert "PSNR ↑, foregroundx/b20.50 dB10x/a" in page.all("tr")


def test_intervals_are_named_by_their_level(tmp_path):
    page = Page(
        make(tmp_path, write_run(tmp_path, scores_of(VALUES)), testing=Testing(alpha=0.1))[0]
    )
    named = [text for text in page.all("figcaption") if "interval" in text]
    assert len(named) == 2
    assert all("90 % interval" in text for text in named)


def test_failures_keep_their_whole_message(text):
    page = Page(text)
    (failures,) = page.all("table", **{"class": "failures"})
    assert "x/big00OOMneeds <40> GB" in failures
    assert "OOM" in page.all("td")


def test_a_run_in_progress_says_so(tmp_path):
    cells = [cell("x/a"), cell("x/b", "pending")]
    text, _ = make(tmp_path, write_run(tmp_path, scores_of({"x/a": [1.0, 2.0]}), cells))
    (warning,) = [w for w in Page(text).all("p", **{"class": "warning"}) if "finished" in w]
    assert "1 cell of 2 yet to come" in warning


@pytest.mark.parametrize(
    "rows",
    [
        scores_of({"x/a": [1.0, 2.0]}),
        scores_of({"x/a": [1.0], "x/b": [2.0]}),
        scores_of({"x/a": [1.0] * 6, "x/b": [1.0] * 6}),
        scores_of({"x/a": [1.0, "", 3.0], "x/b": [1.0, 2.0, 3.0]}),
        scores_of({"x/a": [""] * 3}, status="n/a", detail="no mask"),
        [score(f"x/{name}", "", 5.0 + number) for number, name in enumerate("abc")],
        [],
    ],
    ids=["one method", "one subject", "all equal", "NaN", "no number", "of sets", "nothing"],
)
def test_poor_data_still_give_a_page(tmp_path, rows):
    cells = None if rows else [cell("x/a", "pending")]
    text, missing = make(tmp_path, write_run(tmp_path, rows, cells))
    assert len(Page(text).all("h2")) == 3
    assert len(missing) == 1


def test_an_old_run_without_date_and_preset_gives_a_page(tmp_path):
    folder = write_run(tmp_path, scores_of(VALUES))
    content = json.loads((folder / "run.json").read_text())
    del content["created"], content["preset"]
    (folder / "run.json").write_text(json.dumps(content))
    text, _ = make(tmp_path, folder)
    assert Page(text).all("p", **{"class": "lead"}) == ["Run demo"]


def test_nothing_in_it_needs_the_network(text):
    page = Page(text)
    for tag, attributes, _ in page.elements:
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            value = attributes.get(name) or ""
            assert value.startswith(("#", "data:")) or not value, (tag, value)
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


def test_only_its_own_script_and_style_may_run(text):
    page = Page(text)
    (policy,) = [a["content"] for _, a, _ in page.elements if "http-equiv" in a]
    assert policy.startswith("default-src 'none'; img-src data:;")
    (style,) = page.all("style")
    (script,) = [s for s in page.all("script", type=None)]
    for content in (style, script):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert not any("style" in a for tag, a, _ in page.elements)


@pytest.fixture
def hostile(tmp_path):
    """A run in which everything that has a name has a hostile one."""
    metrics = {"psnr": METRICS["psnr"] | {"label": HOSTILE, "unit": HOSTILE}}
    metrics["psnr"]["definition"] = HOSTILE
    methods = {name: {"label": f"{name} {HOSTILE}", "notes": HOSTILE} for name in ("x/a", "x/b")}
    methods["x/b"] |= {"summary": HOSTILE, "paper": HOSTILE, "remarks": [HOSTILE]}
    names = ["s0", HOSTILE]
    rows = [
        score(method, name, 20.0 + number, unit=HOSTILE, region=HOSTILE)
        for method in ("x/a", "x/b")
        for number, name in enumerate(names)
    ]
    cells = [
        *(cell(name, prep_dir="prep", predict_dir=name, train_dir="train") for name in methods),
        cell("x/c", "failed", message=HOSTILE),
    ]
    info = {"command": HOSTILE, "created": HOSTILE, "notes": [HOSTILE], "preset": HOSTILE}
    folder = write_run(tmp_path, rows, cells, methods=methods, metrics=metrics, name="demo", **info)
    content = json.loads((folder / "run.json").read_text()) | {"name": HOSTILE}
    (folder / "run.json").write_text(json.dumps(content))
    for name in methods:
        predict(
            folder, name, "s0", prepare(folder, "s0") if name == "x/a" else np.zeros((10, 12, 6))
        )
    (folder / "train").mkdir()
    quoted = HOSTILE.replace('"', '""')
    table = f'stage,step,seconds,lr,"{quoted}"\n"{quoted}",1,0,0,1\nmain,2,0,0,2\n'
    (folder / "train" / "losses.csv").write_text(table)
    return folder


def test_every_name_is_escaped(tmp_path, hostile):
    text, _ = make(tmp_path, hostile, subjects=["s0"])
    page = Page(text)
    assert not page.all("img")
    assert len(page.all("script", type=None)) == 1
    assert not any(name.startswith("on") for _, attrs, _ in page.elements for name in attrs)
    assert "49" not in re.findall(r"\d+", page.all("h1")[0])  # nothing is evaluated as a template
    # Shown as it is, not dropped:
    assert HOSTILE in page.all("title")[0] or HOSTILE in page.all("p", **{"class": "lead"})[0]
    assert any(HOSTILE in label for label in page.all("text"))
    assert any(HOSTILE in name for name in page.all("li"))
    for data in page.all("script", type="application/json"):
        assert "<" not in data
        json.loads(data)


def test_subjects_are_the_ordinary_the_best_and_the_worst(tmp_path, run_folder):  # noqa: F811
    text, missing = make(tmp_path, run_folder)
    assert missing == []
    found = re.findall(r'<p class="caption"><b>(s\d+)</b>: (.*?) PSNR', text)
    assert found == [("s01", "closest to the median"), ("s02", "best"), ("s00", "worst")]


def test_the_end_of_the_error_scale_is_printed_in_units_of_the_target(tmp_path):
    rows = scores_of({"x_net": [20.0]}, metric="mae", unit="HU")
    folder = write_run(tmp_path, rows, [cell("x_net", prep_dir="prep", predict_dir="x_net")])
    target = prepare(folder, "s00", -1000.0, 3000.0)
    predict(folder, "x_net", "s00", np.where(target > 0, target - 0.5, 0))
    text, _ = make(tmp_path, folder)
    assert re.search(r'<output data-largest="2000.0[^"]*">2000</output> HU', text)


def test_chosen_subjects_are_shown_in_their_order(tmp_path, run_folder):  # noqa: F811
    text, _ = make(tmp_path, run_folder, subjects=["s02", "s00", "s02"])
    assert re.findall(r'<p class="caption"><b>(s\d+)</b>', text) == ["s02", "s00"]


def test_an_unknown_subject_is_refused(tmp_path, run_folder):  # noqa: F811
    with pytest.raises(UsageError, match="tested no subject 's09'"):
        make(tmp_path, run_folder, subjects=["s01", "s09"])


def test_lost_volumes_cost_the_slices_only(tmp_path, run_folder):  # noqa: F811
    (run_folder / "x_net" / "s01.npy").write_bytes(b"\x93NUMPY")
    text, (missing,) = make(tmp_path, run_folder, subjects=["s00", "s01"])
    assert "s01.npy" in missing
    assert re.findall(r'<p class="caption"><b>(s\d+)</b>', text) == ["s00"]
    assert any("s01.npy" in line for line in Page(text).all("li"))


def test_the_command_writes_the_page(run_folder, tmp_path, capsys):  # noqa: F811
    assert main(["report", str(run_folder), "--format", "html"]) == 0
    assert (run_folder / "report.html").stat().st_size > 20_000
    assert capsys.readouterr().out == f"{run_folder / 'report.html'}\n"
    out = tmp_path / "out"
    arguments = ["--format", "html", "--subject", "s00", "--subject", "s01", "--out", str(out)]
    assert main(["report", str(run_folder), *arguments]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "stats.json"]


def test_a_figure_takes_one_subject(run_folder, capsys):  # noqa: F811
    assert main(["report", str(run_folder), "--subject", "s00", "--subject", "s01"]) == 2
    assert "a figure shows one subject" in capsys.readouterr().err


def test_scores_of_300_subjects_stay_small(tmp_path):
    noise = np.random.default_rng(0).normal(25, 2, (8, 300))
    values = {f"x/net{number}": row.tolist() for number, row in enumerate(noise)}
    text, _ = make(tmp_path, write_run(tmp_path, scores_of(values)))
    # Six such columns and the slices (sprites have their own limit) are far from 30 MB.
    assert len(text) < 400_000
    assert len(re.findall(r"M[\d.]+ [\d.]+h0", text)) == (8 + 7) * 300
