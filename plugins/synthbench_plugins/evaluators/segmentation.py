"""The built-in evaluators of segmentations and their metrics; imports nothing that computes."""

from __future__ import annotations

from synthbench.api import EvaluatorSpec, Metric

_TOTALSEGMENTATOR = "synthbench_plugins.evaluators.totalsegmentator"
_LISTS = {
    "all_classes": "every class that TotalSegmentator finds in the real volume",
    "synthrad_trunk": "those of them that SynthRAD2025 scores in abdomen and thorax",
    "synthrad_head_neck": "those of them that SynthRAD2025 scores in head and neck",
}

OVERLAP = EvaluatorSpec(
    name="overlap",
    target="synthbench_plugins.evaluators.overlap:Overlap",
    summary="Dice, HD95 and false-positive volume of what a segmenter found.",
    default=True,
    masks=True,
    metrics=(
        Metric(
            name="dice",
            label="Dice",
            better="higher",
            decimals=3,
            definition="2 |A and B| / (|A| + |B|) of what was found, A, and the label, B; subjects "
            "without the region are left out",
        ),
        Metric(
            name="hd95",
            label="HD95",
            unit="mm",
            decimals=2,
            definition="larger of the two directed 95th percentiles of surface distances, MONAI "
            "compute_hausdorff_distance; the volume's diagonal where nothing was found; subjects "
            "without the region are left out",
        ),
        Metric(
            name="fp_volume",
            label="false positive",
            unit="mL",
            decimals=2,
            definition="volume found outside the label, in every subject",
        ),
    ),
)


def _totalsegmentator(name: str, fast: bool) -> EvaluatorSpec:
    resolution = "3 mm" if fast else "1.5 mm"
    label = "TotalSegmentator" + (" (fast)" if fast else "")
    prefix = "ts_fast" if fast else "ts"
    return EvaluatorSpec(
        name=name,
        target=f"{_TOTALSEGMENTATOR}.evaluator:{'Fast' if fast else ''}TotalSegmentatorDice",
        summary=f"Dice between TotalSegmentator ({resolution}) on synthetic and on real targets.",
        preflight=f"{_TOTALSEGMENTATOR}.weights:missing_{'fast' if fast else 'full'}",
        citation="Wasserthal et al., TotalSegmentator, Radiology: AI 2023",
        regions=_LISTS,
        metrics=(
            Metric(
                name=f"{prefix}_dice",
                label=f"{label} Dice",
                better="higher",
                decimals=3,
                definition=f"Dice between what TotalSegmentator ({resolution} model; total for "
                "targets in HU, else total_mr) finds in the synthetic and in the real volume; "
                "lists of classes: mean over those found in the real volume",
            ),
            Metric(
                name=f"{prefix}_extra",
                label=f"{label} extra",
                unit="mL",
                decimals=2,
                definition="volume of classes found in the synthetic volume and not in the real",
            ),
        ),
    )


SPECS = [
    OVERLAP,
    _totalsegmentator("totalsegmentator", fast=False),
    _totalsegmentator("totalsegmentator_fast", fast=True),
]
