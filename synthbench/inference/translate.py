"""A trained translator applied to whole volumes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from synthbench.api import Batch, DataError, Recipe, SynthbenchError, Translator
from synthbench.inference.window import SlidingWindow, clip
from synthbench.registry import Registry
from synthbench.training.components import build_translator
from synthbench.training.precision import Precision, pick_device


def load_translator(
    registry: Registry, recipe: Recipe, source_channels: int, weights: Path
) -> Translator:
    """Build a translator and load its trained weights.

    Raises:
        DataError: If the file is missing, damaged, or belongs to another network.
    """
    translator = build_translator(registry, recipe, source_channels)
    hint = "train the cell again (delete its folder), or check that the plugin did not change"
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        translator.load_state_dict(state)
    except FileNotFoundError as error:
        raise DataError(f"no trained weights at {weights}", "run the cell first") from error
    except Exception as error:  # torch raises many types for damaged and for foreign files
        raise DataError(f"cannot load {weights}: {str(error).splitlines()[0]}", hint) from error
    return translator.to(pick_device()).eval()


def translate(
    translator: Translator, recipe: Recipe, batch: Batch, seed: int
) -> npt.NDArray[np.float32]:
    """Translate one whole volume.

    Args:
        translator: Trained, in eval mode.
        recipe: Its recipe.
        batch: One subject's whole volumes, in the recipe's range.
        seed: For translators that draw noise.

    Returns:
        Unit-range volume of shape (X, Y, Z).

    Raises:
        SynthbenchError: If the network returns NaN or the wrong shape.
    """
    device = next(
        (t.device for t in (*translator.parameters(), *translator.buffers())), torch.device("cpu")
    )
    window = SlidingWindow(
        recipe.inference, recipe.patch.size, translator.size_multiple, recipe.intensity[0]
    )
    params: Mapping[str, object] = {**recipe.inference.params, "seed": seed}
    moved = Batch(
        source=batch.source.to(device),
        label=None if batch.label is None else batch.label.to(device),
        mask=None if batch.mask is None else batch.mask.to(device),
        params=params,
    )
    torch.manual_seed(seed)
    with torch.inference_mode(), Precision(recipe.precision, device).autocast():
        image = translator.translate(moved, window)
    expected = (1, 1, *batch.source.shape[2:])
    if tuple(image.shape) != expected:
        raise SynthbenchError(
            f"{recipe.translator.name} returned shape {tuple(image.shape)} for {expected}",
            "tell the plugin's author",
        )
    if not torch.isfinite(image).all():
        raise SynthbenchError(
            f"{recipe.translator.name} returned NaN or infinite voxels",
            "train it again with a lower optimiser.lr or precision fp32",
        )
    array: npt.NDArray[np.float32] = clip(image, recipe.intensity)[0, 0].cpu().numpy()
    return array
