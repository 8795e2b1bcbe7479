"""TotalSegmentator's weights, looked for where it keeps them; nothing is ever downloaded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from synthbench_plugins.optional.packages import SEGMENTATION, missing

CT, MR = "total", "total_mr"
_FILES = ("plans.json", "dataset.json", "fold_0/checkpoint_final.pth")


def folder() -> Path:
    """Where TotalSegmentator keeps its weights: its own rule."""
    if weights := os.environ.get("TOTALSEG_WEIGHTS_PATH"):
        return Path(weights)
    home = os.environ.get("TOTALSEG_HOME_DIR")
    return (Path(home) if home else Path.home() / ".totalsegmentator") / "nnunet" / "results"


def lacking(task: str, fast: bool) -> list[tuple[str, str]]:
    """Say what is not there for a task.

    Args:
        task: ``total`` or ``total_mr``.
        fast: Whether the 3 mm model is meant.

    Returns:
        Pairs of (what, how to fix it).
    """
    if absent := missing("totalsegmentator", SEGMENTATION):
        return absent
    from totalsegmentator.map_tasks_config import TASK_CONFIGS, TASK_ID_WEIGHTS_CONFIGS

    mode: Any = TASK_CONFIGS[task]["sub_modes"]["fast" if fast else "default"]
    numbers = mode["task_id"] if isinstance(mode["task_id"], list) else [mode["task_id"]]
    found = []
    for number in numbers:
        facts: Any = TASK_ID_WEIGHTS_CONFIGS[number]
        model = Path(facts["foldername"]) / f"{mode['trainer']}__nnUNetPlans__3d_fullres"
        gone = next((name for name in _FILES if not (folder() / model / name).is_file()), "")
        if gone:
            archive = f"{facts['foldername']}.zip of TotalSegmentator's {facts['version']}"
            found.append(
                (f"{folder() / model / gone} is not there", f"unpack {archive} in {folder()}")
            )
    return found


def missing_full(**_: Any) -> list[tuple[str, str]]:
    """What the 1.5 mm models lack."""
    return _once([*lacking(CT, fast=False), *lacking(MR, fast=False)])


def missing_fast(**_: Any) -> list[tuple[str, str]]:
    """What the 3 mm models lack."""
    return _once([*lacking(CT, fast=True), *lacking(MR, fast=True)])


def _once(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return list(dict.fromkeys(found))
