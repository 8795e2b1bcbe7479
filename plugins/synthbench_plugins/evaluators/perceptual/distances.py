"""Distances between two sets of feature vectors, in float64."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.float64]


def frechet_distance(one: Features, other: Features) -> float:
    """Frechet distance of two normal distributions with the sets' means and covariances.

    |m1 - m2|^2 + tr(C1) + tr(C2) - 2 tr((C1 C2)^(1/2)). With C = A^T A, where A are the centred
    features over sqrt(n - 1), the last trace is the sum of the singular values of A1 A2^T: exact
    also where fewer vectors than features leave the covariances singular, and matrix roots fail.

    Args:
        one: Shape (n, features), n at least 2.
        other: Shape (m, features), m at least 2.

    Source: Heusel et al., GANs Trained by a Two Time-Scale Update Rule, NeurIPS 2017.
    """
    first, second = _root(one), _root(other)
    apart = float(np.square(one.mean(axis=0) - other.mean(axis=0)).sum())
    traces = float(np.square(first).sum() + np.square(second).sum())
    shared = float(np.linalg.svd(first @ second.T, compute_uv=False).sum())
    return max(0.0, apart + traces - 2 * shared)


def kernel_distance(one: Features, other: Features) -> float:
    """Unbiased squared maximum mean discrepancy, kernel (x.y / features + 1)^3, of whole sets.

    Unbiased also means that it may lie below 0, and does for sets that are nearly equal.

    Args:
        one: Shape (n, features), n at least 2.
        other: Shape (m, features), m at least 2.

    Source: Binkowski et al., Demystifying MMD GANs, ICLR 2018.
    """
    n, m = len(one), len(other)
    among_one, among_other = _kernel(one, one), _kernel(other, other)
    within = (among_one.sum() - np.trace(among_one)) / (n * (n - 1))
    within += (among_other.sum() - np.trace(among_other)) / (m * (m - 1))
    return float(within - 2 * _kernel(one, other).mean())


def _root(features: Features) -> Features:
    centred = features - features.mean(axis=0)
    root: Features = centred / np.sqrt(len(features) - 1)
    # More vectors than features: an equivalent square matrix is smaller.
    if root.shape[0] > root.shape[1]:
        root = np.asarray(np.linalg.qr(root, mode="r"))
    return root


def _kernel(one: Features, other: Features) -> Features:
    kernel: Features = (one @ other.T / one.shape[1] + 1) ** 3
    return kernel
