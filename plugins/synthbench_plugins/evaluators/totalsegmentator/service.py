"""TotalSegmentator as a service in a process of its own.

It sets nnU-Net's environment variables, patches nnU-Net, reports usage and downloads weights: none
of that may reach the process that scores. There it has a home of its own, where reporting is
switched off, and cannot download.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from synthbench_plugins.evaluators.totalsegmentator.weights import folder
from synthbench_plugins.optional import child

_PROCESS = "synthbench_plugins.evaluators.totalsegmentator.process"
_CONFIG = {
    "totalseg_id": "synthbench",
    "send_usage_stats": False,
    "prediction_counter": 0,
    "statistics_disclaimer_shown": True,
}


class ServiceError(Exception):
    """TotalSegmentator could not segment a volume."""


class Service:
    """Segments volumes one after the other; started when it is first asked."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._classes: dict[str, dict[int, str]] = {}

    def segment(
        self,
        image: npt.NDArray[np.float32],
        spacing: tuple[float, float, float],
        task: str,
        fast: bool,
    ) -> npt.NDArray[np.uint8]:
        """Segment a volume in RAS orientation.

        Args:
            image: Shape (X, Y, Z).
            spacing: Voxel size in mm.
            task: TotalSegmentator's.
            fast: Whether to use the 3 mm model.

        Raises:
            ServiceError: If it fails; the next call starts it anew.
        """
        work = self._start()
        np.save(work / "image.npy", image)
        sides = [float(side) for side in spacing]
        answer = self._ask({"spacing": sides, "task": task, "fast": fast})
        self._classes[task] = {int(number): name for number, name in answer["classes"].items()}
        segmented: npt.NDArray[np.uint8] = np.load(work / "classes.npy", allow_pickle=False)
        return segmented

    def classes(self, task: str) -> dict[int, str]:
        """Name of each class of a task that was segmented."""
        return self._classes[task]

    def stop(self) -> None:
        """End the process and remove its files."""
        if self._process is not None:
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    with suppress(OSError):  # a question that a dead process never read
                        stream.close()
            child.stop(self._process)
            self._process = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _start(self) -> Path:
        if self._process is not None and self._folder is not None:
            return Path(self._folder.name)
        self._folder = tempfile.TemporaryDirectory(prefix="synthbench-")
        work = Path(self._folder.name)
        home = work / "home"
        home.mkdir()
        (home / "config.json").write_text(json.dumps(_CONFIG), encoding="utf-8")
        changes = {
            "TOTALSEG_WEIGHTS_PATH": str(folder()),
            "TOTALSEG_HOME_DIR": str(home),
        }
        with (work / "log.txt").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _PROCESS, str(work)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=child.environment(changes),
            )
        return work

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        process, held = self._process, self._folder
        assert process is not None and held is not None
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps(question).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:  # it has ended: its log says why
            line = b""
        if line:
            answer: dict[str, Any] = json.loads(line)
            if "error" in answer:
                raise ServiceError(answer["error"])
            return answer
        reason = child.why(process.wait(), Path(held.name) / "log.txt")
        self.stop()
        raise ServiceError(reason)
