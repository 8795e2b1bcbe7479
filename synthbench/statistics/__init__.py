"""Paired statistics with the subject as the unit: what stands behind the marks in a table.

Everything here is a pure function on numpy arrays; what is resampled is determined by a seed.
Tests and corrections are computed by scipy and statsmodels; this package settles what they leave
open: what a case is, which cases are compared, which null distribution was used, and what a
sample of this size could show at all. See ``docs/statistics.md``.
"""

from synthbench.statistics.bootstrap import (
    RESAMPLES,
    Interval,
    Ranking,
    crossed_interval,
    mean_interval,
    ranking,
)
from synthbench.statistics.cases import (
    FloatArray,
    complete_cases,
    mean_by_unit,
    require_one_fold,
    spread,
)
from synthbench.statistics.corrections import Correction, correct, holm
from synthbench.statistics.effects import Effects, effects
from synthbench.statistics.equivalence import Equivalence, equivalence
from synthbench.statistics.folds import FoldTest, nadeau_bengio
from synthbench.statistics.overall import (
    Friedman,
    conover,
    critical_difference,
    friedman,
    nemenyi,
    not_separable,
)
from synthbench.statistics.paired import (
    PairedTest,
    TestName,
    compare,
    paired_t,
    pairs_needed,
    sign_flip,
    smallest_p,
    wilcoxon,
)
from synthbench.statistics.power import subjects_needed

__all__ = [
    "RESAMPLES",
    "Correction",
    "Effects",
    "Equivalence",
    "FloatArray",
    "FoldTest",
    "Friedman",
    "Interval",
    "PairedTest",
    "Ranking",
    "TestName",
    "compare",
    "complete_cases",
    "conover",
    "correct",
    "critical_difference",
    "crossed_interval",
    "effects",
    "equivalence",
    "friedman",
    "holm",
    "mean_by_unit",
    "mean_interval",
    "nadeau_bengio",
    "nemenyi",
    "not_separable",
    "paired_t",
    "pairs_needed",
    "ranking",
    "require_one_fold",
    "sign_flip",
    "smallest_p",
    "spread",
    "subjects_needed",
    "wilcoxon",
]
