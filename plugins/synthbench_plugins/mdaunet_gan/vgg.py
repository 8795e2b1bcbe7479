"""The convolutional part of VGG-19, pre-trained or random."""

from __future__ import annotations

import pickle
from typing import Any

import torch
from torch import nn

from synthbench.api import DataError, checkpoint_file
from synthbench_plugins.mdaunet_gan.pretrained import WEIGHTS, lacking

#: Widths of the convolutions, in groups between poolings.
_GROUPS = ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4)

#: Shortest side of an image: it leaves one voxel after the poolings between the groups.
LEAST_SIDE = 2 ** (len(_GROUPS) - 1)

#: Of the random weights; its own, so that they are the same in every run.
_SEED = 19


def _empty() -> nn.Sequential:
    """The layers up to the activation after the last convolution, without weights.

    Their numbers are those of torchvision's ``vgg19().features[:36]``.
    """
    layers: list[nn.Module] = []
    inputs = 3
    with torch.device("meta"):  # drawing weights to replace would move torch's generator
        for number, group in enumerate(_GROUPS):
            if number:
                layers.append(nn.MaxPool2d(2))
            for width in group:
                layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU(inplace=True)]
                inputs = width
    return nn.Sequential(*layers)


def _frozen(network: nn.Sequential) -> nn.Sequential:
    return network.requires_grad_(False).eval()


def random_vgg19() -> nn.Sequential:
    """VGG-19 with weights drawn as torchvision draws them before training, always the same."""
    network = _empty().to_empty(device="cpu")
    generator = torch.Generator().manual_seed(_SEED)
    for layer in network:
        if isinstance(layer, nn.Conv2d):
            assert layer.bias is not None
            nn.init.kaiming_normal_(
                layer.weight, mode="fan_out", nonlinearity="relu", generator=generator
            )
            nn.init.zeros_(layer.bias)
    return _frozen(network)


def pretrained_vgg19() -> nn.Sequential:
    """VGG-19 with the weights that torchvision publishes, trained on ImageNet.

    Raises:
        DataError: If their file is missing, damaged or another one.
    """
    for what, fix in lacking():
        raise DataError(what, fix)
    path = checkpoint_file(WEIGHTS)
    network = _empty()
    try:
        published: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        state = {name: published[f"features.{name}"] for name in network.state_dict()}
        network.load_state_dict(state, assign=True)
    except (KeyError, RuntimeError, pickle.UnpicklingError) as error:
        raise DataError(
            f"{path} does not hold the weights of VGG-19: {str(error).splitlines()[0]}",
            "replace it by torchvision's file of that name",
        ) from error
    return _frozen(network)
