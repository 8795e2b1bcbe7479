"""What results of a segmenter must say, and what it lacks; asked before anything is imported."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from synthbench_plugins.optional.packages import SEGMENTATION, missing
from synthbench_plugins.segmenters.budgets import EPOCHS, ITERATIONS, STEPS


def unet(steps: int = STEPS, **_: Any) -> list[str]:
    """Say that training was shortened."""
    if steps >= STEPS:
        return []
    return [f"segmenters trained for {steps} of {STEPS} steps"]


def nnunet(epochs: int = EPOCHS, iterations: int = ITERATIONS, **_: Any) -> list[str]:
    """Say which nnU-Net it was, and that training was shortened."""
    told = [] if nnunet_missing() else [f"nnU-Net {version('nnunetv2')}"]
    if epochs * iterations < EPOCHS * ITERATIONS:
        told.append(
            f"segmenters trained for {epochs} epoch{'' if epochs == 1 else 's'} of {iterations} "
            f"iterations instead of {EPOCHS} of {ITERATIONS}"
        )
    return told


def nnunet_missing(**_: Any) -> list[tuple[str, str]]:
    """Say that nnU-Net is not installed."""
    return missing("nnunetv2", SEGMENTATION)
