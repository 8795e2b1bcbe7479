"""Running a network over a volume of any size."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from synthbench.api.recipe import Inference


class SlidingWindow:
    """Applies a network window by window and blends the results.

    Axes where the window is 1 voxel thick (slices) do not overlap; a window side of 0, or no
    window at all, covers the whole axis. A window given by the recipe shrinks to a smaller volume;
    the training patch, its default, does not (a network may know no other size). What is still
    missing, to the window or to a multiple of what the network needs, is padded with the background
    value and cropped back.

    Args:
        inference: Window, overlap, blending and batch.
        patch: Training patch, the default window.
        size_multiple: What every side must be a multiple of.
        background: Padding value.
        autocast: Makes the context in which the network runs.
    """

    def __init__(
        self,
        inference: Inference,
        patch: tuple[int, int, int] | None,
        size_multiple: int | tuple[int, int, int],
        background: float,
    ) -> None:
        self.inference = inference
        self.size = inference.window or patch or (0, 0, 0)
        self.shrinks = inference.window is not None
        multiple = size_multiple
        self.multiple = (multiple,) * 3 if isinstance(multiple, int) else multiple
        self.background = background

    def __call__(self, network: Callable[[Tensor], Tensor], volume: Tensor) -> Tensor:
        """Apply ``network``; see :class:`synthbench.api.translator.Window`."""
        sides = tuple(volume.shape[2:])
        window = self._window(sides)
        padding: list[int] = []
        for side, w in zip(reversed(sides), reversed(window), strict=True):
            missing = max(w - side, 0)
            padding += [missing // 2, missing - missing // 2]
        padded = F.pad(volume, padding, value=self.background) if any(padding) else volume
        if tuple(padded.shape[2:]) == window:
            result = network(padded)
        else:
            result = self._slide(network, padded, window)
        before = padding[0::2][::-1]
        cut = tuple(slice(b, b + side) for b, side in zip(before, sides, strict=True))
        return result[:, :, cut[0], cut[1], cut[2]]

    def seams(self, sides: tuple[int, ...]) -> list[list[int]]:
        """Where windows meet in a volume.

        Args:
            sides: The volume's shape (X, Y, Z).

        Returns:
            Along each axis, the first voxel behind every border of a window, sorted; none along an
            axis that one window covers, or along which every slice is a window of its own.
        """
        return [self._borders(w, side) for w, side in zip(self._window(sides), sides, strict=True)]

    def _borders(self, window: int, side: int) -> list[int]:
        if window >= side or window == 1:
            return []
        step = max(int(window * (1 - self.inference.overlap)), 1)
        # As MONAI places them: the last window is moved back into the volume.
        starts = {min(start, side - window) for start in range(0, side - window + step, step)}
        borders = starts | {start + window for start in starts}
        return sorted(borders - {0, side})

    def _window(self, sides: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(
            self._side(w, side, m)
            for w, side, m in zip(self.size, sides, self.multiple, strict=True)
        )

    def _side(self, wanted: int, side: int, multiple: int) -> int:
        if wanted == 1:
            return 1
        if self.shrinks and wanted:
            wanted = min(wanted, side)
        return _round_up(wanted or side, multiple)

    def _slide(
        self, network: Callable[[Tensor], Tensor], volume: Tensor, window: tuple[int, ...]
    ) -> Tensor:
        # MONAI takes seconds to import; only volumes larger than the window need it.
        from monai.inferers.utils import sliding_window_inference

        result = sliding_window_inference(
            volume,
            roi_size=window,
            sw_batch_size=self.inference.batch,
            predictor=network,
            overlap=[0.0 if w == 1 else self.inference.overlap for w in window],
            mode=self.inference.blend,
        )
        assert isinstance(result, Tensor)
        return result


def _round_up(side: int, multiple: int) -> int:
    return -(-side // multiple) * multiple


def clip(image: Tensor, intensity: tuple[float, float]) -> Tensor:
    """Clip to the recipe's range and map onto the unit range, float32."""
    low, high = intensity
    return (torch.clamp(image.float(), low, high) - low) / (high - low)
