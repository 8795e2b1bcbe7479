"""Lists of TotalSegmentator's classes that are averaged over."""

from __future__ import annotations

import re

#: Every class that is found in the real volume.
ALL = "all_classes"
#: The classes that the SynthRAD2025 challenge scores, by name: its abdomen and thorax share a list.
LISTS = {
    "synthrad_trunk": re.compile(
        r"kidney_(left|right)|liver|stomach|lung_.*|vertebrae_.*|heart|spinal_cord|rib_.*|sternum"
    ),
    "synthrad_head_neck": re.compile(
        r"esophagus|trachea|thyroid_gland|vertebrae_.*|spinal_cord|brain|skull"
    ),
}


def lists_of(names: list[str]) -> dict[str, list[str]]:
    """The lists that have classes among those found, each with these."""
    found = {name: [c for c in names if rule.fullmatch(c)] for name, rule in LISTS.items()}
    return {ALL: names} | {name: classes for name, classes in found.items() if classes}
