"""Convolutional layers of both generators."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from synthbench.api import UsageError

Norm = Literal["batch", "instance"]

_NORMS: dict[str, type[nn.Module]] = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d}


def make_norm(kind: Norm, channels: int) -> nn.Module:
    """Make a norm with a scale and a shift a channel.

    Raises:
        UsageError: If there is no such norm.
    """
    if kind not in _NORMS:
        raise UsageError(f"resvit2d: unknown norm {kind!r}", f"choose one of {', '.join(_NORMS)}")
    return _NORMS[kind](channels, affine=True)


def convolve(
    inputs: int, outputs: int, norm: Norm, *, kernel: int = 3, stride: int = 1
) -> list[nn.Module]:
    """Convolution padded to keep the size (divided by the stride), then norm."""
    return [
        nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False),
        make_norm(norm, outputs),
    ]


def halve(inputs: int, outputs: int, norm: Norm) -> nn.Sequential:
    """Halve both sides: 3x3 convolution of stride 2, norm, ReLU."""
    return nn.Sequential(*convolve(inputs, outputs, norm, stride=2), nn.ReLU())


def double(inputs: int, outputs: int, norm: Norm) -> nn.Sequential:
    """Double both sides: transposed 3x3 convolution of stride 2, norm, ReLU."""
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1, bias=False),
        make_norm(norm, outputs),
        nn.ReLU(),
    )


class ResidualBlock(nn.Module):
    """Residual CNN block: two reflection-padded 3x3 convolutions, no activation after the sum."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for activation in (nn.ReLU(), nn.Identity()):
            layers += [
                nn.ReflectionPad2d(1),
                nn.Conv2d(channels, channels, 3, bias=False),
                make_norm(norm, channels),
                activation,
            ]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """Shape (N, channels, height, width), kept."""
        out: Tensor = x + self.layers(x)
        return out


class ChannelCompression(nn.Module):
    """Halves the channels of what transformer and convolutions found: residual, ReLU at the end."""

    def __init__(self, inputs: int, outputs: int, norm: Norm) -> None:
        super().__init__()
        self.main = nn.Sequential(
            *convolve(inputs, outputs, norm), nn.ReLU(), *convolve(outputs, outputs, norm)
        )
        self.skip = nn.Sequential(*convolve(inputs, outputs, norm, kernel=1))

    def forward(self, x: Tensor) -> Tensor:
        """Shape (N, inputs, height, width) to (N, outputs, height, width)."""
        out: Tensor = nn.functional.relu(self.main(x) + self.skip(x))
        return out
