"""Slices in the HTML page: orientation, numbering, error maps, size."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from synthbench.report.html import subjects
from synthbench.report.html.sprites import LONGEST, columns, encode, fitted, sprite
from synthbench.report.html.subjects import show
from synthbench.report.run_folder import RunFolder
from synthbench.report.tables import build_tables
from tests.report.test_comparison_figure import predict, run_folder  # noqa: F401


def decoded(text):
    return np.array(Image.open(io.BytesIO(base64.b64decode(text))).convert("L")).astype(int)


def load(folder, subject="s00", part=1.0):
    run = RunFolder.load(folder)
    (table,) = build_tables(run)
    return show(run, table, subject, "", part)


def test_sprite_holds_slices_row_by_row_right_side_up():
    stack = np.arange(5 * 2 * 3).reshape(5, 2, 3) / 29
    sheet = np.array(sprite(stack, mirrored=False))
    assert columns(5) == 3
    assert sheet.shape == (4, 9)
    grey = np.rint(stack * 255).astype(int)
    np.testing.assert_array_equal(sheet[0:2, 3:6], grey[1, ::-1])
    np.testing.assert_array_equal(sheet[2:4, 0:3], grey[3, ::-1])
    assert (sheet[2:4, 6:9] == 0).all()
    mirrored = np.array(sprite(stack, mirrored=True))
    np.testing.assert_array_equal(mirrored[0:2, 0:3], grey[0, ::-1, ::-1])


def test_values_outside_the_window_are_clipped():
    stack = np.array([[[-1.0, 0.5, 7.0, np.nan]]])
    assert np.array(sprite(stack, mirrored=False)).tolist() == [[0, 128, 255, 0]]


def test_large_slices_are_averaged_down():
    assert fitted(2 * LONGEST, LONGEST) == (LONGEST, LONGEST // 2)
    stack = np.tile([0.0, 1.0], (1, 4, LONGEST))
    sheet = np.array(sprite(stack, mirrored=False))
    assert sheet.shape == (2, LONGEST)
    assert np.abs(sheet.astype(int) - 127).max() <= 1


def test_slices_are_those_of_the_volume(run_folder):  # noqa: F811
    shown = load(run_folder)
    assert [strip.label for strip in shown.strips] == ["t1", "t2", "linear", "x_net", "big"]
    assert [strip.role for strip in shown.strips[:3]] == ["source", "target", "baseline"]
    assert (shown.strips[4].state, shown.strips[4].images) == ("OOM", ())
    axial, coronal, _ = shown.views
    # Foreground 2 to 4 with a margin of 3, in a volume of 6 slices.
    assert axial.slices == (0, 1, 2, 3, 4, 5)
    assert axial.slices[axial.start] == 3
    assert axial.sides == ("R", "L")
    assert coronal.extent == (10.0, 24.0)
    target = np.load(run_folder / "prep" / "subjects" / "s00" / "volume_t2.npy")
    width, height = axial.size
    sheet = decoded(shown.strips[1].images[0])
    place = axial.slices.index(3)
    top, left = place // axial.columns * height, place % axial.columns * width
    seen = sheet[top : top + height, left : left + width]
    # Anterior is up, the patient's right on the viewer's left.
    real = target[0:10, 1:12, 3].T[::-1, ::-1]
    assert seen.shape == real.shape
    assert np.corrcoef(seen.ravel(), real.ravel())[0, 1] > 0.95


def test_error_maps_share_one_scale_in_units_of_the_target(run_folder):  # noqa: F811
    shown = load(run_folder)
    linear, exact = shown.strips[2], shown.strips[3]
    assert decoded(exact.errors[0]).max() == 0
    # Half the target everywhere: the error is at most 0.5, and the scale ends near there.
    assert shown.largest == pytest.approx(0.5, abs=0.05)
    assert decoded(linear.errors[0]).max() > 200


def test_many_slices_are_thinned_around_the_first(run_folder, monkeypatch):  # noqa: F811
    monkeypatch.setattr(subjects, "PIXELS", 1)
    shown = load(run_folder)
    for view in shown.views:
        assert len(view.slices) <= 4
        assert len({b - a for a, b in zip(view.slices, view.slices[1:], strict=False)}) == 1
    assert [view.slices[view.start] for view in shown.views] == [3, 6, 5]


def test_noise_is_encoded_worse_rather_than_larger(run_folder, monkeypatch):  # noqa: F811
    noise = np.random.default_rng(1).random((10, 12, 6))
    for method in ("linear", "x_net"):
        predict(run_folder, method, "s00", noise)

    def size(shown):
        return sum(len(text) for strip in shown.strips for text in (*strip.images, *strip.errors))

    before = size(load(run_folder))
    monkeypatch.setattr(subjects, "BYTES", int(before * 0.6))
    assert size(load(run_folder)) < before * 0.6


def test_a_page_of_noise_stays_within_its_limit():
    noise = np.random.default_rng(2).random((1, LONGEST, LONGEST))
    worst = len(encode(sprite(noise, mirrored=False), subjects._QUALITIES[-1]))
    assert worst * subjects.PIXELS / LONGEST**2 < 28_000_000
