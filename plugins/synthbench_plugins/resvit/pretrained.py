"""Where ImageNet weights of a vision transformer are, without torch: asked while a run is planned.

Files are NumPy archives as published with the Vision Transformer for the hybrid model, e.g.
``R50+ViT-B_16.npz`` (ImageNet-21k). Only their transformer, patch embedding and table of positions
are used.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence

from synthbench.api import checkpoint_file

_PUBLISHED = "R50+ViT-B_16.npz"

#: Names in the archive, without the parts of every layer.
EMBEDDING = "embedding"
POSITIONS = "Transformer/posembed_input/pos_embedding"
FINAL_NORM = "Transformer/encoder_norm"
_LAYER = "Transformer/encoderblock_{number}/{part}"

#: A layer's parts there, by their names here.
PARTS = {
    "attention_norm": "LayerNorm_0",
    "query": "MultiHeadDotProductAttention_1/query",
    "key": "MultiHeadDotProductAttention_1/key",
    "value": "MultiHeadDotProductAttention_1/value",
    "out": "MultiHeadDotProductAttention_1/out",
    "mlp_norm": "LayerNorm_2",
    "widen": "MlpBlock_3/Dense_0",
    "narrow": "MlpBlock_3/Dense_1",
}


def part_of(number: int, part: str) -> str:
    """Name in the archive of a layer's part, numbered from 0."""
    return _LAYER.format(number=number, part=PARTS[part])


def names(layers: int) -> list[str]:
    """Every array that a transformer of so many layers needs."""
    found = [POSITIONS, *_both(EMBEDDING, "kernel"), *_both(FINAL_NORM, "scale")]
    for number in range(layers):
        for part in PARTS:
            found += _both(part_of(number, part), "scale" if part.endswith("norm") else "kernel")
    return found


def preflight(
    vit_weights: str | None = None,
    channels: int = 64,
    down_steps: int = 2,
    hidden: int = 768,
    layers: int = 12,
    heads: int = 12,
    **others: object,
) -> list[tuple[str, str]]:
    """Say what ``resvit2d`` lacks, given its parameters."""
    if vit_weights is None:
        return []
    path = checkpoint_file(vit_weights)
    fix = f"put the Vision Transformer's {_PUBLISHED} there, or leave out vit_weights"
    if not path.is_file():
        return [(f"the ImageNet weights {path.name} are not in {path.parent}", fix)]
    damaged = [(f"{path} is damaged or no archive of arrays", fix)]
    if not zipfile.is_zipfile(path):
        return damaged
    import numpy as np

    kernels = {
        f"{EMBEDDING}/kernel": (1, 1, channels * 4 * 2**down_steps, hidden),
        f"{part_of(0, 'query')}/kernel": (hidden, heads, hidden // heads),
    }
    try:
        with np.load(path, allow_pickle=False) as archive:
            absent = sorted(set(names(layers)).difference(archive.files))
            shapes = {} if absent else {name: archive[name].shape for name in kernels}
    except (OSError, ValueError, zipfile.BadZipFile):
        return damaged
    if absent:
        return [(f"{path} has no {absent[0]}", fix)]
    return [
        (
            f"{name} of {path} is {shapes[name]}, but resvit2d needs {shape}",
            "choose channels, down_steps, hidden and heads as the weights have them",
        )
        for name, shape in kernels.items()
        if shapes[name] != shape
    ]


def remarks(
    vit_weights: str | None = None, transformer_at: Sequence[int] = (1, 6), **others: object
) -> list[str]:
    """Say what results made with ``resvit2d`` must state, given its parameters."""
    if not transformer_at:
        return ["resvit2d: no transformer, convolutions only"]
    if vit_weights is not None:
        file = checkpoint_file(vit_weights)
        return [f"resvit2d: transformer starts from the ImageNet weights {file.name}"]
    return [
        "resvit2d: transformer starts from random weights, not from the published ImageNet ones"
    ]


def _both(name: str, first: str) -> list[str]:
    return [f"{name}/{first}", f"{name}/bias"]
