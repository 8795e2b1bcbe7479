"""Which label values make up the classes of a segmenter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from synthbench.api import DataError, UsageError
from synthbench.registry.names import did_you_mean
from synthbench.volumes.prepared import PreparedSubject

_MOST_CLASSES = 255


def regions_of(subjects: Sequence[PreparedSubject], wanted: Sequence[str]) -> dict[str, list[int]]:
    """Label values of every region that is learnt and scored.

    Args:
        subjects: With labels.
        wanted: Names of regions; none for all.

    Raises:
        DataError: If no subject has a label.
        UsageError: For a region that no subject has.
    """
    found: dict[str, set[int]] = {}
    for subject in subjects:
        for name, values in subject.regions.items():
            found.setdefault(name, set()).update(value for value in values if value != 0)
    regions = {name: sorted(values) for name, values in found.items() if values}
    for name in wanted:
        if name not in regions:
            raise UsageError(
                f"there is no region {name!r} to segment",
                did_you_mean(name, regions, f"there are {', '.join(regions)}"),
            )
    return {name: regions[name] for name in (wanted or regions)}


def classes_of(regions: Mapping[str, Sequence[int]]) -> list[list[int]]:
    """Group label values that belong to the very same regions: one class each.

    Nested regions come out right that way: of whole tumour {1, 2, 4}, core {1, 4} and enhancing
    tumour {4} the classes are {1}, {2} and {4}; of whole tumour alone, {1, 2, 4}.

    Raises:
        DataError: If there are more classes than a uint8 label holds.
    """
    groups: dict[frozenset[str], list[int]] = {}
    for value in sorted({value for values in regions.values() for value in values}):
        member = frozenset(name for name, values in regions.items() if value in values)
        groups.setdefault(member, []).append(value)
    if len(groups) > _MOST_CLASSES:
        raise DataError(
            f"the labels have {len(groups)} classes, more than {_MOST_CLASSES}",
            "choose some with --regions",
        )
    return list(groups.values())


def encode(label: npt.NDArray[Any], classes: Sequence[Sequence[int]]) -> npt.NDArray[np.uint8]:
    """Class of each voxel, 0 for values of no class."""
    made = np.zeros(label.shape, dtype=np.uint8)
    for number, values in enumerate(classes, start=1):
        made[np.isin(label, values)] = number
    return made


def masks_of(
    encoded: npt.NDArray[np.uint8],
    classes: Sequence[Sequence[int]],
    regions: Mapping[str, Sequence[int]],
) -> dict[str, npt.NDArray[np.bool_]]:
    """Mask of each region in an image of classes."""
    return {
        name: np.isin(
            encoded, [n for n, group in enumerate(classes, start=1) if set(group) <= set(values)]
        )
        for name, values in regions.items()
    }
