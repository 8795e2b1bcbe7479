"""Packs many slices into one small picture, from which the page's script shows one at a time."""

from __future__ import annotations

import base64
import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

#: Longest side of a slice in pixels; larger ones are averaged down.
LONGEST = 160


def fitted(height: int, width: int) -> tuple[int, int]:
    """Height and width of a slice in the page."""
    part = min(1.0, LONGEST / max(height, width))
    return max(1, round(height * part)), max(1, round(width * part))


def columns(count: int) -> int:
    """Slices side by side in a sprite; a square keeps both sides within what a browser decodes."""
    return math.ceil(math.sqrt(count))


def sprite(stack: npt.NDArray[Any], *, mirrored: bool) -> Image.Image:
    """Put slices into one grey picture, row by row, :func:`columns` a row.

    Args:
        stack: Values in [0, 1], shape (slices, up, across), first row at the bottom; what lies
            outside is clipped.
        mirrored: Whether to swap left and right.
    """
    grey = np.rint(np.clip(np.nan_to_num(stack), 0, 1) * 255).astype(np.uint8)[:, ::-1]
    grey = grey[:, :, ::-1] if mirrored else grey
    count, height, width = grey.shape
    if (height, width) != fitted(height, width):
        height, width = fitted(height, width)
        small = (Image.fromarray(np.ascontiguousarray(image)) for image in grey)
        resized = (image.resize((width, height), Image.Resampling.BOX) for image in small)
        grey = np.stack([np.asarray(image) for image in resized])
    across = columns(count)
    down = math.ceil(count / across)
    sheet = np.zeros((down * across, height, width), dtype=np.uint8)
    sheet[:count] = grey
    sheet = sheet.reshape(down, across, height, width).swapaxes(1, 2)
    return Image.fromarray(sheet.reshape(down * height, across * width))


def encode(sheet: Image.Image, quality: int) -> str:
    """JPEG in base64."""
    # At the same error, grey WebP is a third smaller and takes fifteen times as long: seconds a
    # page. It is not full range either.
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=quality)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
