"""Where the pre-trained VGG-19 is, without torch: asked while a run is planned."""

from __future__ import annotations

from synthbench_plugins.optional.weights import file_fault

#: File of torchvision's ``VGG19_Weights.IMAGENET1K_V1``; the name ends in the start of its SHA-256.
WEIGHTS = "vgg19-dcbb9e9d.pth"


def lacking() -> list[tuple[str, str]]:
    """Say what is wrong with the file: pairs of (what, how to fix it), empty when it is usable."""
    faults = file_fault(WEIGHTS, "the pre-trained VGG-19", "VGG19_Weights.IMAGENET1K_V1")
    return [
        (what, f"{fix}, or give perceptual_2_5d the parameter backbone=random")
        for what, fix in faults
    ]


def preflight(backbone: str = "vgg19", **others: object) -> list[tuple[str, str]]:
    """Say what ``perceptual_2_5d`` lacks, given its parameters."""
    return lacking() if backbone == "vgg19" else []


def remarks(backbone: str = "vgg19", **others: object) -> list[str]:
    """Say what results made with ``perceptual_2_5d`` must state, given its parameters."""
    if backbone != "random":
        return []
    return ["perceptual_2_5d: VGG-19 backbone with random weights, not pre-trained"]
