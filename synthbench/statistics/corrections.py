"""Corrections for making many tests at once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
from statsmodels.stats.multitest import multipletests

from synthbench.statistics.cases import FloatArray

#: ``holm`` bounds the chance of one false mark in the table, ``bh`` (Benjamini-Hochberg) the
#: expected share of false marks among all marks, ``none`` nothing.
Correction = Literal["holm", "bh", "none"]
_STATSMODELS = {"holm": "holm", "bh": "fdr_bh"}


def correct(p: FloatArray, correction: Correction = "holm") -> FloatArray:
    """Correct one family of tests.

    Args:
        p: Raw p-values, shape (M,); NaN (no test) stays NaN and does not count.
        correction: How.

    Returns:
        Adjusted p-values, shape (M,), at most 1; compare them with alpha.
    """
    adjusted = np.full(p.shape, np.nan)
    tested = np.isfinite(p)
    if correction == "none":
        adjusted[tested] = p[tested]
    elif tested.any():
        with _nothing_to_collect():
            adjusted[tested] = multipletests(p[tested], method=_STATSMODELS[correction])[1]
    return adjusted


def holm(p: FloatArray) -> FloatArray:
    """Holm's step-down correction for one family of tests; see :func:`correct`."""
    return correct(p, "holm")


@contextmanager
def _nothing_to_collect() -> Iterator[None]:
    """Hide all objects from the garbage collector for a moment.

    statsmodels collects at every call, a tenth of a second in a process that has loaded libraries.
    """
    if gc.get_freeze_count():  # somebody else's, which thawing would undo
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
