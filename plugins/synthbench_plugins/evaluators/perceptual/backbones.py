"""Which networks the metrics look through, and what they lack; without torch, for planning."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from synthbench_plugins.optional.weights import file_fault

#: Optional packages, and what installs them.
PACKAGES = ("lpips", "torchvision")
_EXTRA = "pip install 'synthbench[perceptual]' (with constraints/cpu.txt, so that torch stays)"


@dataclass(frozen=True)
class Backbone:
    """A feature network.

    Attributes:
        name: As printed.
        least_side: Shortest side of an image that it accepts, in pixels.
        file: Published weights, by the name torch hub gives the file; it ends in the start of its
            SHA-256.
        published: torchvision's name of them.
    """

    name: str
    least_side: int
    file: str
    published: str

    def lacking(self) -> list[tuple[str, str]]:
        """What is missing to use it with its published weights: pairs of (what, how to fix it)."""
        return packages_lacking() or file_fault(
            self.file, f"the pre-trained {self.name}", self.published
        )


VGG16 = Backbone("VGG16", 16, "vgg16-397923af.pth", "VGG16_Weights.IMAGENET1K_V1")
ALEXNET = Backbone("AlexNet", 31, "alexnet-owt-7be5be79.pth", "AlexNet_Weights.IMAGENET1K_V1")
INCEPTION = Backbone(
    "Inception-v3", 1, "inception_v3_google-0cc3c7bd.pth", "Inception_V3_Weights.IMAGENET1K_V1"
)


def packages_lacking() -> list[tuple[str, str]]:
    """Optional packages that are not installed: pairs of (what, how to fix it)."""
    absent = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    return [(f"the Python package {name} is not installed", _EXTRA) for name in absent]


def vgg16_lacking() -> list[tuple[str, str]]:
    """What ``lpips`` lacks."""
    return VGG16.lacking()


def alexnet_lacking() -> list[tuple[str, str]]:
    """What ``lpips_alex`` lacks."""
    return ALEXNET.lacking()


def inception_lacking() -> list[tuple[str, str]]:
    """What ``fid`` and ``kid`` lack."""
    return INCEPTION.lacking()
