"""The phantom whose scores are known, and cases made of arrays."""

import numpy as np
from scipy.ndimage import gaussian_filter

from synthbench.api import Case


def closed_form_pair(shape=(48, 56, 52)):
    """Target, prediction, mask and lesion of a textured ellipsoid, without random numbers."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    mask = (z / 0.80) ** 2 + (y / 0.90) ** 2 + (x / 0.75) ** 2 < 1
    texture = 0.20 * np.sin(9 * z + 1) * np.cos(7 * y) * np.sin(8 * x + 0.5)
    texture += 0.55 + 0.10 * np.cos(15 * z * y)
    lesion = (z - 0.25) ** 2 + (y + 0.2) ** 2 + (x - 0.1) ** 2 < 0.18**2
    target = np.where(lesion, 0.95, np.where(mask, texture, 0))
    prediction = 0.96 * gaussian_filter(target, 1.0, mode="nearest") + 0.01
    prediction += 0.015 * np.sin(20 * z) * np.sin(18 * y) - 0.12 * lesion
    air = 0.012 * np.abs(np.sin(13 * z + 11 * y + 7 * x))
    return target, np.where(mask, prediction, air), mask, lesion


def case_of(target, prediction, mask=None, subject="s1", **fields):
    return Case(
        subject=subject,
        prediction=np.asarray(prediction, np.float32),
        target=np.asarray(target, np.float32),
        source=np.zeros((1, *np.shape(target)), np.float32),
        mask=np.ones(np.shape(target), bool) if mask is None else mask,
        **fields,
    )
