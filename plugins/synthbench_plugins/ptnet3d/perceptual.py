"""Perceptual loss on a video network."""

from __future__ import annotations

from collections.abc import Mapping
from pickle import UnpicklingError

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from synthbench.api import Loss, Prediction, Scores, Setting, UsageError
from synthbench_plugins.ptnet3d.weights import KINETICS, RANDOM, missing, weights_file

#: Weights of the four stages, finest first (published).
_WEIGHTS = (1 / 16, 1 / 8, 1 / 4, 1.0)
_WIDTHS = (64, 128, 256, 512)
_BLOCKS = 2
_SEED = 18


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm3d(outputs)
    )


class _Block(nn.Module):
    """Two 3x3x3 convolutions around a shortcut; the names are those of torchvision's weights."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _convolution(inputs, outputs, stride)
        self.conv2 = _convolution(outputs, outputs)
        if stride > 1:
            self.downsample = nn.Sequential(
                nn.Conv3d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm3d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = self.downsample(x) if hasattr(self, "downsample") else x
        total: Tensor = self.conv2(F.relu(self.conv1(x))) + shortcut
        return F.relu(total)


class R3D18(nn.Module):
    """The four stages of the video network R3D-18, without its classifier.

    Modules are named as in torchvision, so that its weights can be loaded. Source: Tran et al., A
    closer look at spatiotemporal convolutions for action recognition, CVPR 2018.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv3d(3, _WIDTHS[0], (3, 7, 7), (1, 2, 2), padding=(1, 3, 3), bias=False),
            nn.BatchNorm3d(_WIDTHS[0]),
            nn.ReLU(),
        )
        inputs = _WIDTHS[0]
        for number, width in enumerate(_WIDTHS, 1):
            strides = [2 if width > inputs else 1] + [1] * (_BLOCKS - 1)
            blocks = []
            for stride in strides:
                blocks.append(_Block(inputs, width, stride))
                inputs = width
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
        # Its own generator, so that random weights are the same in every run.
        generator = torch.Generator().manual_seed(_SEED)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(
                    module.weight, mode="fan_out", nonlinearity="relu", generator=generator
                )

    def forward(self, video: Tensor) -> list[Tensor]:
        """Return the outputs of the four stages for a video of shape (B, 3, T, H, W)."""
        x = self.stem(video)
        stages = []
        for number in range(1, len(_WIDTHS) + 1):
            x = self.get_submodule(f"layer{number}")(x)
            stages.append(x)
        return stages


class PerceptualR3D18(Loss):
    """Mean absolute difference of a video network's features of synthetic and of real images.

    A volume is taken for a video in grey whose time is the first axis, without rescaling its
    intensities; stages weigh 1/16, 1/8, 1/4 and 1. Averaged over the resolutions of the prediction.
    The network is frozen and in evaluation mode. Source: Zhang et al., PTNet3D, IEEE TMI 2022.

    Args:
        setting: Not used.
        weights: ``kinetics``: those trained on Kinetics-400, from torch's folder of downloads;
            ``random``, which is not the published loss; or a file of torchvision's weights, in
            that folder or by its absolute path.

    Raises:
        UsageError: If the weights are missing or are those of another network.
    """

    def __init__(self, setting: Setting, weights: str = KINETICS) -> None:
        super().__init__(setting)
        self.network = R3D18()
        if weights != RANDOM:
            _load(self.network, weights)
        self.network.requires_grad_(False).eval()

    def forward(self, prediction: Prediction, scores: Mapping[str, Scores]) -> Tensor:
        """Compute the loss, in units of the features."""
        pairs = zip(prediction.fake, prediction.real, strict=True)
        return torch.stack([self._distance(fake, real) for fake, real in pairs]).mean()

    def _distance(self, fake: Tensor, real: Tensor) -> Tensor:
        ours = self.network(_video(fake))
        with torch.no_grad():
            theirs = self.network(_video(real))
        terms = [
            weight * F.l1_loss(a.float(), b.float())
            for weight, a, b in zip(_WEIGHTS, ours, theirs, strict=True)
        ]
        return torch.stack(terms).sum()


def _video(images: Tensor) -> Tensor:
    """Every channel in grey, as three equal channels: (B, C, X, Y, Z) to (B C, 3, X, Y, Z)."""
    return images.flatten(0, 1).unsqueeze(1).expand(-1, 3, -1, -1, -1)


def _load(network: R3D18, weights: str) -> None:
    for what, remedy in missing(weights):
        raise UsageError(what, remedy)
    file = weights_file(weights)
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
        features = {k: v for k, v in state.items() if not k.startswith("fc.")}
        network.load_state_dict(features)
    except (RuntimeError, UnpicklingError, AttributeError, EOFError) as error:
        raise UsageError(
            f"{file} does not hold the weights of r3d_18",
            "give the file as torchvision distributes it",
        ) from error
