"""How soon a second run starts to train on many subjects that are prepared already.

Writes a thousand subjects of tiny volumes, lets one run prepare them, and then times how long the
same command with another training seed takes from its start to its first training steps: finding
the files, seeing that none has changed, planning, starting the cell's process, building networks.

    python -m benchmarks.speed.second_start [--subjects 1000] [--rounds 5]
"""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

from benchmarks.speed.timing import machine, table
from synthbench.store.atomic import read_json

_METHOD = "pix2pix_resunet"
_SIDE = 24
_PATIENCE = 3600.0
_POLL = 0.05


def write_subjects(root: Path, count: int) -> None:
    """Write `<subject>/<subject>_<modality>.nii.gz` of random tiny volumes."""
    import nibabel

    rng = np.random.default_rng(0)
    for number in range(count):
        folder = root / f"s{number:04d}"
        folder.mkdir(parents=True)
        for modality in ("t1", "t2"):
            volume = rng.integers(1, 1000, (_SIDE,) * 3, dtype=np.int16)
            image = nibabel.Nifti1Image(volume, np.eye(4))
            nibabel.save(image, folder / f"{folder.name}_{modality}.nii.gz")


def seconds_to_training(data: Path, output: Path, seed: int) -> float:
    """Seconds from starting `synthbench run` until its cell reports training steps.

    Raises:
        RuntimeError: If the run ends, or an hour passes, before any step.
    """
    command = [sys.executable, "-m", "synthbench", "run", "--methods", _METHOD]
    command += ["--dataset", "folder", "--data-root", str(data), "--source", "t1", "--target", "t2"]
    command += ["--preset", "smoke", "--seeds", str(seed), "--output", str(output)]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        while process.poll() is None and time.perf_counter() - started < _PATIENCE:
            for file in output.glob(f"runs/*/cells/**/*_seed-{seed}/progress.json"):
                if (read_json(file) or {}).get("stage") == "train":
                    return time.perf_counter() - started
            time.sleep(_POLL)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()
    raise RuntimeError(f"no training step: {' '.join(command)}")


@click.command()
@click.option("--subjects", default=1000, show_default=True)
@click.option("--rounds", default=5, show_default=True, help="Second runs; the median counts.")
def main(subjects: int, rounds: int) -> None:
    """Print how long first and later runs take until they train."""
    with tempfile.TemporaryDirectory() as scratch:
        data, output = Path(scratch, "data"), Path(scratch, "output")
        write_subjects(data, subjects)
        first = seconds_to_training(data, output, seed=0)
        later = [seconds_to_training(data, output, seed=1 + n) for n in range(rounds)]
    print(f"{subjects} subjects with two volumes of {_SIDE}^3, {_METHOD} (preset smoke).")
    print(f"{machine()}\n")
    rows: list[tuple[object, ...]] = [
        ("first run, which prepares them", f"{first:.1f}"),
        (f"later runs, median of {rounds}", f"{statistics.median(later):.1f}"),
        ("slowest of them", f"{max(later):.1f}"),
    ]
    print(table(("run", "seconds until it trains"), rows))


if __name__ == "__main__":
    main()
