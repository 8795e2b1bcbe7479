"""Where the weights of the perceptual loss are looked for; without torch, for planning."""

from __future__ import annotations

from pathlib import Path

from synthbench.api import checkpoint_file

#: Trained on Kinetics-400, from where torch keeps downloaded weights.
KINETICS = "kinetics"
#: Drawn at random.
RANDOM = "random"

#: As torchvision names the file.
FILE = "r3d_18-b3b3357e.pth"


def weights_file(weights: str) -> Path:
    """Return the file that holds the weights.

    Args:
        weights: ``kinetics``, or a file as :func:`~synthbench.api.checkpoint_file` takes it.
    """
    return checkpoint_file(FILE if weights == KINETICS else weights)


def missing(weights: str = KINETICS) -> list[tuple[str, str]]:
    """Say what is missing for ``perceptual_r3d18``, and what to do about it."""
    if weights == RANDOM:
        return []
    file = weights_file(weights)
    if file.is_file():
        return []
    return [
        (
            f"perceptual_r3d18 needs the Kinetics-400 weights of r3d_18; {file} does not exist",
            f"put torchvision's {FILE} there, name another file in the loss's parameter weights, "
            "or run ptnet3d_no_perceptual",
        )
    ]


def remarks(weights: str = KINETICS) -> list[str]:
    """Say what results made with ``perceptual_r3d18`` must state."""
    if weights == RANDOM:
        return ["perceptual_r3d18 has a randomly initialised backbone, which is not as published"]
    return []
