"""What the sides of a patch allow, axis by axis: how wide kernels are, how often one halves."""

from __future__ import annotations

from collections.abc import Sequence

Sides = tuple[int, int, int]

#: Shortest side that is still halved: it leaves 4 voxels, so that normalisation over a single patch
#: has something to go by (and for maps of 2 voxels torch's CPU code in bfloat16 returns gradients
#: of the kernels that are rubbish).
SHORTEST_HALVED = 8


def kernel_sides(patch: Sequence[int] | None) -> Sides:
    """Sides of a convolution kernel: 3, but 1 across slices, which makes it a 2D one.

    Args:
        patch: Side lengths of a training patch; ``None`` for whole volumes.
    """
    x, y, z = (1 if side == 1 else 3 for side in patch or (0, 0, 0))
    return x, y, z


def same_padding(kernel: Sides) -> Sides:
    """Padding with which a convolution keeps every side."""
    x, y, z = (side // 2 for side in kernel)
    return x, y, z


def halvings(patch: Sequence[int] | None, wanted: int) -> list[Sides]:
    """Decide along which axes each down-sampling halves.

    Args:
        patch: Side lengths of a training patch; 0 (the volume's whole side) and ``None`` (whole
            volumes) stand for sides that are long enough.
        wanted: Most down-samplings.

    Returns:
        Factors of 1 or 2 per axis, one triple a down-sampling; those that would halve no axis are
        left out.
    """
    sides = list(patch or (0, 0, 0))
    factors: list[Sides] = []
    for _ in range(wanted):
        x, y, z = (2 if side == 0 or side >= SHORTEST_HALVED else 1 for side in sides)
        if (x, y, z) == (1, 1, 1):
            break
        factors.append((x, y, z))
        sides = [-(-side // factor) for side, factor in zip(sides, (x, y, z), strict=True)]
    return factors
