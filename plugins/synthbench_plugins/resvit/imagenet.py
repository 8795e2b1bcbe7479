"""ImageNet weights of a vision transformer, put into the networks."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from synthbench.api import DataError, checkpoint_file
from synthbench_plugins.resvit.pretrained import (
    EMBEDDING,
    FINAL_NORM,
    PARTS,
    POSITIONS,
    part_of,
)
from synthbench_plugins.resvit.transformer import TransformerBranch, TransformerEncoder, resized

_Read = Callable[[str], Tensor]


def load_imagenet(
    name: str, encoder: TransformerEncoder, branches: Iterable[TransformerBranch | nn.Module]
) -> None:
    """Load layers, final norm, and into every branch the patch embedding and positions.

    Args:
        name: As :func:`~synthbench.api.checkpoint_file` takes it.
        encoder: Gets the first layers of the archive.
        branches: Get identical copies; the class token's position is left out, the others are
            interpolated to the branch's grid.

    Raises:
        DataError: If the file is missing, damaged or belongs to another network.
    """
    path = checkpoint_file(name)
    hint = "resvit2d needs the archive of a Vision Transformer of its own width, layers and heads"
    try:
        with np.load(path, allow_pickle=False) as archive:
            _fill(archive, encoder, branches)
    except KeyError as error:
        raise DataError(f"{path}: {error.args[0]}", hint) from error
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile) as error:
        raise DataError(f"cannot load {path}: {str(error).splitlines()[0]}", hint) from error


def _fill(
    archive: Mapping[str, np.ndarray],
    encoder: TransformerEncoder,
    branches: Iterable[TransformerBranch | nn.Module],
) -> None:
    def read(name: str) -> Tensor:
        return torch.from_numpy(np.asarray(archive[name], dtype=np.float32))

    for number, layer in enumerate(encoder.layers):
        for part in PARTS:
            module = getattr(layer, part)
            if isinstance(module, nn.LayerNorm):
                _fill_norm(module, read, part_of(number, part))
            else:
                _fill_linear(module, read, part_of(number, part))
    _fill_norm(encoder.norm, read, FINAL_NORM)
    # Kernels are (height, width, inputs, outputs) there.
    kernel, bias = read(f"{EMBEDDING}/kernel").permute(3, 2, 0, 1), read(f"{EMBEDDING}/bias")
    positions = read(POSITIONS)[:, 1:]
    side = round(positions.shape[1] ** 0.5)
    table = positions.transpose(1, 2).reshape(1, -1, side, side)
    for branch in branches:
        assert isinstance(branch, TransformerBranch)
        _put(branch.embedding.weight, kernel, EMBEDDING)
        _put(branch.embedding.bias, bias, EMBEDDING)
        _put(branch.positions, resized(table, branch.positions.shape[2:]), POSITIONS)


def _fill_linear(linear: nn.Linear, read: _Read, name: str) -> None:
    # Inputs come first there, and attention has an axis of its own for the heads.
    kernel = read(f"{name}/kernel")
    _put(linear.weight, kernel.reshape(linear.in_features, -1).T, name)
    _put(linear.bias, read(f"{name}/bias").flatten(), name)


def _fill_norm(norm: nn.LayerNorm, read: _Read, name: str) -> None:
    _put(norm.weight, read(f"{name}/scale"), name)
    _put(norm.bias, read(f"{name}/bias"), name)


def _put(parameter: Tensor | None, value: Tensor, name: str) -> None:
    assert parameter is not None
    if parameter.shape != value.shape:
        raise ValueError(f"{name} is {tuple(value.shape)} there, {tuple(parameter.shape)} here")
    with torch.no_grad():
        parameter.copy_(value)
