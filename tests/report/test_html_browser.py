"""The HTML page in a real browser: no complaint, tables sort, sliders move, themes and print."""

from __future__ import annotations

import io
import re
import shutil
import struct

import numpy as np
import pytest
from PIL import Image

from synthbench.report.html.page import write_page
from synthbench.report.run_folder import RunFolder
from synthbench.report.stats import stats
from synthbench.report.tables import build_tables
from tests.report.handmade import cell, scores_of, write_run
from tests.report.test_comparison_figure import predict, prepare
from tests.report.test_html_page import HOSTILE

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: it is in the extra `dev`"
    )
    path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser is installed: none of {', '.join(_BROWSERS)} is on the PATH")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path)
        yield started
        started.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A page with hostile names, a failed method, two subjects with slices."""
    home = tmp_path_factory.mktemp("browser")
    base = np.linspace(20.0, 24.0, 9)
    values = {
        "linear": base.tolist(),
        "x_net": (base + 2 + 0.1 * np.arange(9)).tolist(),
        "mid": (base + 1).tolist(),
    }
    rows = scores_of(values) + scores_of(
        {name: (0.1 - 0.001 * np.array(column)).tolist() for name, column in values.items()},
        metric="mae",
        unit="",
    )
    cells = [cell(name, prep_dir="prep", predict_dir=name, train_dir=name) for name in values]
    cells.append(cell("big", "oom", prep_dir="prep", message=HOSTILE))
    folder = write_run(home, rows, cells, baselines=["linear"], methods={"mid": {"label": HOSTILE}})
    for number, subject in enumerate(("s00", "s08")):
        target = prepare(folder, subject)
        for name, part in (("linear", 0.5), ("x_net", 1.0), ("mid", 0.8 - 0.1 * number)):
            predict(folder, name, subject, target * part)
    for name in values:
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "losses.csv").write_text("stage,step,seconds,lr,l1\nmain,1,0,0,2\n")
    run = RunFolder.load(folder)
    tables = build_tables(run)
    path = home / "report.html"
    assert write_page(run, tables, stats(tables, run), path, ["s00", "s08"]) == []
    return path


@pytest.fixture
def page(browser, file):
    """The page, loaded; whatever the browser complains about fails the test."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    opened = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("dialog", lambda dialog: complaints.append(dialog.message))
    opened.on("request", lambda request: requests.append(request.url))
    opened.goto(file.as_uri(), wait_until="load")
    yield opened
    context.close()
    assert complaints == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []


def column(page, number):
    cells = page.locator(f"table.scores tbody tr > :nth-child({number})")
    return [text.split("±")[0].strip() for text in cells.all_inner_texts()]


def picture(page, label):
    """Pixels of a canvas as the reader sees them."""
    shot = page.locator(f'canvas[aria-label="{label}"]:visible').screenshot()
    # Without the rim, where a pixel of the screen is part picture, part page.
    return np.array(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)[3:-3, 3:-3]


def test_tables_sort_by_mouse_and_keyboard(page):
    heading = page.locator("table.scores th", has_text="PSNR")
    original = column(page, 2)
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"  # best first
    assert column(page, 2) == ["24.40", "23.00", "22.00", "OOM"]
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert column(page, 2) == ["22.00", "23.00", "24.40", "OOM"]
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") is None
    assert column(page, 2) == original
    page.locator("table.scores th", has_text="MAE").get_by_role("button").click()
    assert column(page, 3)[0] == min(column(page, 3)[:3])  # lower is better


def test_the_slider_moves_the_slices(page):
    slider = page.get_by_label("axial slice of s00")
    output = page.locator(".subject:visible label[data-plane=axial] output")
    before, number = picture(page, "t2, axial"), output.inner_text()
    other = picture(page, "t2, coronal")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert int(output.inner_text()) == int(number) + 1
    assert np.abs(picture(page, "t2, axial") - before).max() > 50
    assert np.array_equal(picture(page, "t2, coronal"), other)
    page.keyboard.press("ArrowLeft")
    assert np.array_equal(picture(page, "t2, axial"), before)


def test_error_maps_are_coloured_and_their_scale_can_be_narrowed(page):
    error = picture(page, "absolute error of linear, axial")
    assert (error[..., 0] - error[..., 2]).max() > 80  # inferno is orange before it is white
    assert picture(page, "absolute error of x_net, axial").max() < 20
    end = page.locator(".subject:visible output[data-largest]")
    whole = float(end.inner_text())
    page.locator(".gain label").nth(1).click()
    assert float(end.inner_text()) == pytest.approx(whole / 2, rel=0.01)
    assert picture(page, "absolute error of linear, axial").mean() > error.mean() + 5


def test_subjects_and_planes_can_be_chosen(page):
    assert page.locator(".subject:visible").count() == 1
    page.locator(".subjects label", has_text="s08").click()
    assert page.locator(".subject:visible .caption b").inner_text() == "s08"
    assert picture(page, "t2, axial").max() > 200
    page.locator(".planes label", has_text="coronal").click()
    assert page.get_by_label("coronal slice of s08").is_visible()
    assert not page.get_by_label("axial slice of s08").is_visible()


def test_charts_show_one_metric_and_the_case_under_the_pointer(page):
    panels = page.locator(".panel")
    assert [panel.is_visible() for panel in panels.all()] == [True, False]
    page.locator(".charts select").select_option(index=1)
    assert [panel.is_visible() for panel in panels.all()] == [False, True]
    page.locator(".charts select").select_option(index=0)
    chart = page.locator("svg[data-kind=distribution]:visible")
    chart.scroll_into_view_if_needed()
    x, y = chart.evaluate(
        """svg => {
          const path = svg.querySelector("path.dots");
          const [, x, y] = path.getAttribute("d").match(/^M(\\S+) (\\S+)h0/);
          const at = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());
          return [at.x, at.y];
        }"""
    )
    page.mouse.move(x, y)
    assert page.locator("#tip").inner_text() == "s00 · x_net: 22.00 dB"
    assert chart.locator(".found").count() == 3
    page.mouse.move(5, 5)
    assert not page.locator("#tip").is_visible()


def test_hostile_names_are_shown_as_text(page):
    assert HOSTILE in page.locator("table.scores tbody").inner_text()
    assert HOSTILE in page.locator("table.failures").inner_text()
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("width", [1200, 390])
def test_nothing_sticks_out_sideways(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_both_themes(page, scheme):
    page.emulate_media(color_scheme=scheme)
    colours = page.evaluate(
        """() => {
          const pick = (selector, what) => getComputedStyle(document.querySelector(selector))[what];
          return [pick("body", "backgroundColor"), pick("body", "color"),
                  pick(".caption", "color"), pick(".panel svg .label", "fill")];
        }"""
    )
    page_colour, *inks = [
        np.array([int(part) for part in re.findall(r"\d+", colour)]) / 255 for colour in colours
    ]

    def luminance(colour):
        linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
        return linear @ np.array([0.2126, 0.7152, 0.0722])

    for ink in inks:  # WCAG 2.1, 1.4.3
        low, high = sorted([luminance(ink), luminance(page_colour)])
        assert (high + 0.05) / (low + 0.05) > 4.5


def test_print_shows_every_chart_on_white(page):
    page.emulate_media(media="print", color_scheme="dark")
    assert all(panel.is_visible() for panel in page.locator(".panel").all())
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_a_screenshot_is_not_blank(page):
    shot = page.screenshot(full_page=True)
    width, height = struct.unpack(">II", shot[16:24])
    assert width == 1200
    assert height > 2000
    assert np.array(Image.open(io.BytesIO(shot)).convert("L")).std() > 10
