"""What one observation is, and which of them are compared."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synthbench.api.errors import DataError

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def mean_by_unit(
    units: npt.NDArray[np.str_], values: FloatArray
) -> tuple[npt.NDArray[np.str_], FloatArray]:
    """Average repeated measurements of one unit: seeds of a subject, or sessions of a patient.

    A value that is NaN makes its unit's mean NaN: a method cannot improve its score by failing
    on its bad seed.

    Args:
        units: Name of the unit of each value, shape (N,).
        values: Shape (N,).

    Returns:
        The units, sorted, shape (U,), and their means, shape (U,).
    """
    names, first, inverse = np.unique(units, return_index=True, return_inverse=True)
    # Around the first value: the mean of equal values is that value, to the last digit. A method
    # without chance, averaged over three seeds here and over one there, would else differ from
    # itself, and signed ranks do not see that it is by nothing.
    start = values[first]
    with np.errstate(invalid="ignore"):
        sums = np.bincount(inverse, weights=values - start[inverse], minlength=len(names))
    counts = np.bincount(inverse, minlength=len(names))
    return names, (start + sums / np.maximum(counts, 1)).astype(np.float64)


def require_one_fold(
    units: npt.NDArray[np.str_], folds: npt.NDArray[np.int64], *, what: str
) -> None:
    """Refuse units that were tested in more than one fold.

    Such scores are not independent: the same patient would count twice, or was in one fold's
    training set and in another's test set under the same name.

    Args:
        units: Patient (or subject) of each row, shape (N,).
        folds: Fold of each row, shape (N,).
        what: Where the rows come from, for the message.

    Raises:
        DataError: Names the first such unit and its folds.
    """
    names, inverse = np.unique(units, return_inverse=True)
    pairs = np.unique(np.stack([inverse.ravel(), folds]), axis=1)
    repeated = np.flatnonzero(np.bincount(pairs[0], minlength=len(names)) > 1)
    if repeated.size:
        first = int(repeated[0])
        where = ", ".join(str(fold) for fold in pairs[1, pairs[0] == first])
        raise DataError(
            f"{what}: {str(names[first])!r} was tested in folds {where}",
            "every patient may be tested in one fold only; split by patient and run again",
        )


def complete_cases(values: FloatArray) -> BoolArray:
    """Find the cases for which every method has a finite value.

    Args:
        values: One row a method, one column a case, shape (M, N).

    Returns:
        Shape (N,).
    """
    return np.asarray(np.isfinite(values).all(axis=0), dtype=np.bool_)


def spread(values: FloatArray) -> float:
    """Sample standard deviation (ddof 1); NaN for fewer than two values."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
