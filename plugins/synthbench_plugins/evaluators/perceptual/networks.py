"""The feature networks, with published or with seeded random weights. Nothing is downloaded."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from synthbench.api import DataError, checkpoint_file
from synthbench_plugins.evaluators.perceptual.backbones import ALEXNET, INCEPTION, VGG16, Backbone
from synthbench_plugins.optional.torchvision import ensure_torchvision

#: Of random weights; their own, so that they are the same in every run.
_SEED = 6

_LPIPS_NETS = {VGG16.name: "vgg", ALEXNET.name: "alex"}


def device() -> torch.device:
    """Where the networks run."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@lru_cache(maxsize=2)
def lpips_network(backbone: Backbone, *, random: bool) -> nn.Module:
    """LPIPS 0.1 as the package ``lpips`` computes it, with its calibrated weights per channel.

    Args:
        backbone: ``VGG16`` or ``ALEXNET``.
        random: Draw the backbone's weights instead of loading the published ones.

    Returns:
        Maps two batches (B, 3, H, W) in [-1, 1] to distances (B, 1, 1, 1).

    Raises:
        DataError: If the published weights cannot be loaded.
    """
    ensure_torchvision()
    import lpips

    net = _LPIPS_NETS[backbone.name]
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls torchvision as one did years ago
        network = lpips.LPIPS(net=net, pretrained=False, pnet_rand=True, verbose=False)
    network.to_empty(device="cpu")
    network.scaling_layer = lpips.ScalingLayer()
    calibrated = Path(lpips.__file__).parent / "weights" / "v0.1" / f"{net}.pth"
    network.load_state_dict(_read(calibrated), strict=False)
    if random:
        _draw(network.net)
    else:
        _fill_lpips(network.net, backbone)
    return _frozen(network)


@lru_cache(maxsize=2)
def inception_features(*, random: bool) -> nn.Module:
    """Inception-v3 of torchvision up to its last pooling.

    Args:
        random: Draw the weights instead of loading the published ones.

    Returns:
        Maps images (B, 3, H, W) in [-1, 1] to features (B, 2048).

    Raises:
        DataError: If the published weights cannot be loaded.
    """
    ensure_torchvision()
    from torchvision.models import inception_v3

    with torch.device("meta"):
        # transform_input would turn ImageNet's normalisation into [-1, 1], which images are in.
        network = inception_v3(
            weights=None, aux_logits=False, transform_input=False, init_weights=False
        )
        network.fc = nn.Identity()
    network.to_empty(device="cpu")
    if random:
        _draw(network)
    else:
        published = _read(checkpoint_file(INCEPTION.file))
        _fill(network, {name: name for name in network.state_dict()}, published, INCEPTION)
    return _frozen(network)


def _fill_lpips(trunk: nn.Module, backbone: Backbone) -> None:
    """lpips keeps torchvision's layer numbers, below the slice that a layer belongs to."""
    published = _read(checkpoint_file(backbone.file))
    names = {name: f"features.{name.partition('.')[2]}" for name in trunk.state_dict()}
    _fill(trunk, names, published, backbone)


def _fill(
    network: nn.Module,
    names: Mapping[str, str],
    published: Mapping[str, Tensor],
    backbone: Backbone,
) -> None:
    try:
        network.load_state_dict({own: published[its] for own, its in names.items()})
    except (KeyError, RuntimeError) as error:
        raise DataError(
            f"{checkpoint_file(backbone.file)} does not hold the weights of {backbone.name}: "
            f"{str(error).splitlines()[0]}",
            f"replace it by torchvision's file of that name ({backbone.published})",
        ) from error


def _read(path: Path) -> dict[str, Tensor]:
    try:
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise DataError(
            f"{path} cannot be read: {str(error).splitlines()[0]}", "replace it"
        ) from error
    return state


def _draw(network: nn.Module) -> None:
    """Draw convolutions as is usual before ReLU; normalisation starts as if it did nothing."""
    generator = torch.Generator().manual_seed(_SEED)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            _zero([layer.bias])
        elif isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()


def _zero(parameters: Iterable[Any]) -> None:
    for parameter in parameters:
        if parameter is not None:
            nn.init.zeros_(parameter)


def _frozen(network: nn.Module) -> nn.Module:
    return network.requires_grad_(False).eval().to(device())
