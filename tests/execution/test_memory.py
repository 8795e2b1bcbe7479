import subprocess
import sys

import numpy as np
import pytest

from synthbench.execution import memory

BIG = 200 * 2**20


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets the peak of a process")
def test_a_stage_does_not_count_the_one_before():
    earlier = np.ones(BIG, dtype=np.uint8)
    del earlier
    high = memory.peaks()["peak_rss_mb"]
    memory.forget_peaks()
    low = memory.peaks()["peak_rss_mb"]
    assert low < high - 100
    held = np.ones(BIG, dtype=np.uint8)
    assert memory.peaks()["peak_rss_mb"] > low + 0.9 * held.nbytes / 1e6


def test_elsewhere_the_peak_is_that_of_the_process(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_PROCESS", tmp_path / "no-proc")
    memory.forget_peaks()
    assert memory.peaks()["peak_rss_mb"] > 10


def test_the_largest_child_counts_where_asked() -> None:
    program = "held = bytearray(400_000_000)\nheld[::4096] = b'x' * len(held[::4096])"
    subprocess.run([sys.executable, "-c", program], check=True)
    memory.forget_peaks()
    assert memory.peaks(children=True)["peak_rss_mb"] > 380
