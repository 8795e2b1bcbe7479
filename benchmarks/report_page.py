"""Time and size of the HTML page of a large run: made-up scores and volumes, nothing trained.

Three subjects have volumes, the others scores only: a page shows slices of three.

    python -m benchmarks.report_page [--methods 8] [--subjects 300] [--shape 160 192 160]
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from scipy.ndimage import gaussian_filter

from synthbench.report.html.page import write_page
from synthbench.report.run_folder import RunFolder
from synthbench.report.stats import stats
from synthbench.report.tables import build_tables
from synthbench.store.tables import CELL_COLUMNS, SCORE_COLUMNS

_METRICS = ("ssim", "psnr", "nmse", "mae")
_SHOWN = 3
_PLACE = {"dataset": "made-up", "task": "t1 -> t2", "fold": 0, "seed": 0}


@click.command()
@click.option("--methods", default=8, show_default=True)
@click.option("--subjects", default=300, show_default=True)
@click.option("--shape", nargs=3, type=int, default=(160, 192, 160), show_default=True)
def main(methods: int, subjects: int, shape: tuple[int, int, int]) -> None:
    """Make a run, then print how long its page takes and how large it is."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        names = [f"method_{number}" for number in range(methods)]
        _write_scores(folder, names, subjects)
        _write_volumes(folder, names, shape)
        begun, busy = time.perf_counter(), time.process_time()
        run = RunFolder.load(folder)
        tables = build_tables(run)
        found = stats(tables, run)
        tested = time.perf_counter()
        page = folder / "report.html"
        shown = [_subject(number) for number in range(_SHOWN)]
        missing = write_page(run, tables, found, page, shown)
        written, busy = time.perf_counter(), time.process_time() - busy
        size = page.stat().st_size / 1e6
        started = time.perf_counter()
        command = [sys.executable, "-m", "synthbench", "report", str(folder), "--format", "html"]
        subprocess.run(command, check=True, capture_output=True)
        command_took = time.perf_counter() - started
    click.echo(
        f"{methods} methods, {subjects} subjects, {len(tables[0].columns)} columns, slices of "
        f"{_SHOWN} subjects of {' x '.join(map(str, shape))} voxels:\n"
        f"tables and tests {tested - begun:.1f} s, page {written - tested:.1f} s, "
        f"{busy:.1f} s of CPU together, {size:.1f} MB;\n"
        f"`synthbench report --format html` from start to end {command_took:.1f} s"
    )
    for line in missing:
        click.echo(line)


def _subject(number: int) -> str:
    return f"subject-{number:03d}"


def _write_scores(folder: Path, methods: list[str], subjects: int) -> None:
    rng = np.random.default_rng(0)
    easy = rng.normal(size=subjects)
    rows: list[dict[str, Any]] = []
    for region in ("foreground", "whole"):
        for metric in _METRICS:
            for number, method in enumerate(methods):
                values = 25 + easy + 0.1 * number + rng.normal(scale=0.5, size=subjects)
                rows += [
                    {
                        **dict.fromkeys(SCORE_COLUMNS, ""),
                        **_PLACE,
                        **{"method": method, "region": region, "metric": metric, "status": "ok"},
                        **{"subject": _subject(index), "value": value, "evaluator": "made-up"},
                    }
                    for index, value in enumerate(values)
                ]
    cells = [
        {
            **dict.fromkeys(CELL_COLUMNS, ""),
            **_PLACE,
            **{"method": name, "state": "done", "prep_dir": "prep", "predict_dir": name},
        }
        for name in methods
    ]
    metrics = {name: {"evaluator": "made-up", "decimals": 3} for name in _METRICS}
    content = {"name": "made-up", "methods": {}, "metrics": metrics}
    (folder / "run.json").write_text(json.dumps(content))
    for name, columns, table in (
        ("scores.csv", SCORE_COLUMNS, rows),
        ("cells.csv", CELL_COLUMNS, cells),
    ):
        with (folder / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(table)


def _write_volumes(folder: Path, methods: list[str], shape: tuple[int, int, int]) -> None:
    """Smooth noise in an ellipsoid: about as hard to compress as a brain."""
    rng = np.random.default_rng(0)
    axes = np.meshgrid(*(np.linspace(-1.1, 1.1, side) for side in shape), indexing="ij")
    mask = sum(axis**2 for axis in axes) < 1

    def texture(width: float) -> Any:
        noise = gaussian_filter(rng.normal(size=shape).astype(np.float32), width)
        return noise / noise.std()

    for number in range(_SHOWN):
        home = folder / "prep" / "subjects" / _subject(number)
        home.mkdir(parents=True)
        target = np.clip(0.5 + 0.15 * texture(3) + 0.03 * texture(0.7), 0, 1) * mask
        np.save(home / "volume_t1.npy", (1 - target) * mask)
        np.save(home / "volume_t2.npy", target)
        np.save(home / "mask.npy", mask)
        affine = np.eye(4).tolist()
        record = {
            **{"id": _subject(number), "patient": "", "shape": shape, "affine": affine},
            **{"bounds": {"t1": [0, 1], "t2": [0, 1]}, "regions": {}, "warnings": []},
            **{"native": {"shape": shape, "affine": affine}, "label": False},
        }
        (home / "subject.json").write_text(json.dumps(record))
        for method in methods:
            (folder / method).mkdir(exist_ok=True)
            made = np.clip(target + 0.05 * texture(1.5) * mask, 0, 1)
            np.save(folder / method / f"{_subject(number)}.npy", made.astype(np.float32))


if __name__ == "__main__":
    main()
