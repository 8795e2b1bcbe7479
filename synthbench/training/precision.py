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

    Half precision is a GPU matter: on a CPU everything runs in float32 (bf16 convolutions there are
    slower, and fp16 ones are missing), which `effective` tells the record.

    Args:
        wanted: ``fp32``, ``bf16`` or ``fp16``.
        device: Where the networks live.
    """

    def __init__(self, wanted: str, device: torch.device) -> None:
        self.effective = wanted if device.type == "cuda" else "fp32"
        self._device = device
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.effective == "fp16")

    def autocast(self) -> AbstractContextManager[None]:
        """Context in which forward passes and losses run."""
        return torch.autocast(
            self._device.type,
            dtype=_DTYPES.get(self.effective),
            enabled=self.effective != "fp32",
        )
