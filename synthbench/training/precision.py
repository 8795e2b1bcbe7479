"""Device, autocast and gradient scaling."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def pick_device() -> torch.device:
    """The GPU given to this process, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Precision:
    """Mixed precision as a recipe asks for it.

    On a CPU, fp16 runs as float32 (its convolutions are missing there, and gradient scaling is for
    GPUs); `effective` tells the record what was really used.

    Args:
        wanted: ``fp32``, ``bf16`` or ``fp16``.
        device: Where the networks live.
    """

    def __init__(self, wanted: str, device: torch.device) -> None:
        self.effective = "fp32" if wanted == "fp16" and device.type == "cpu" else wanted
        self._device = device
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.effective == "fp16")

    def autocast(self) -> AbstractContextManager[None]:
        """Context in which forward passes and losses run."""
        return torch.autocast(
            self._device.type,
            dtype=_DTYPES.get(self.effective),
            enabled=self.effective != "fp32",
        )
