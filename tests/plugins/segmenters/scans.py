"""Labelled scans that are easy to segment: bright and brighter boxes on noise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from synthbench.api import Scan

SHAPE = (34, 32, 30)


def scan(seed: int) -> Scan:
    """Class 1 is a bright box, class 2 a brighter one inside it."""
    random = np.random.default_rng(seed)
    label = np.zeros(SHAPE, dtype=np.uint8)
    x, y, z = random.integers(3, 9, size=3)
    label[x : x + 18, y : y + 16, z : z + 14] = 1
    label[x + 4 : x + 13, y + 4 : y + 12, z + 3 : z + 11] = 2
    image = 0.1 + 0.4 * label + 0.03 * random.standard_normal(SHAPE)
    return Scan(f"s{seed}", image.astype(np.float32), (1.0, 1.0, 1.5), label)


def unlabelled(*seeds: int) -> Iterator[Scan]:
    for seed in seeds:
        whole = scan(seed)
        yield Scan(whole.subject, whole.image, whole.spacing)


def dice(found: np.ndarray, real: np.ndarray) -> float:
    return float(2 * (found & real).sum() / (found.sum() + real.sum()))
