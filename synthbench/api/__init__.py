"""All that a plugin author imports.

Names that need torch or numpy are loaded on first use, so a plugin module that only declares
specs stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from synthbench.api.errors import (
    DataError,
    NothingSelectedError,
    PluginError,
    SynthbenchError,
    UsageError,
)
from synthbench.api.hooks import API_VERSION, hookimpl, hookspec
from synthbench.api.specs import (
    ComponentSpec,
    DatasetSpec,
    DiscriminatorSpec,
    EvaluatorSpec,
    Intensity,
    LossSpec,
    MethodSpec,
    Metric,
    SegmenterSpec,
    Task,
    TranslatorSpec,
)
from synthbench.api.weights import checkpoint_file

if TYPE_CHECKING:
    from synthbench.api.dataset import Dataset, Generated, Origin, Subject, Volume
    from synthbench.api.discriminator import Discriminator
    from synthbench.api.evaluator import Case, Evaluator, Score
    from synthbench.api.loss import AdversarialLoss, Loss
    from synthbench.api.recipe import Recipe
    from synthbench.api.segmenter import Scan, Segmenter, SegmenterProgress, SegmenterSetting
    from synthbench.api.slices import fold_slices, slice_axis, unfold_slices
    from synthbench.api.tensors import Batch, Judgement, Prediction, Scores, Setting
    from synthbench.api.translator import Stage, Translator, Window

_LAZY = {
    name: module
    for module, names in {
        "dataset": ("Dataset", "Generated", "Origin", "Subject", "Volume"),
        "discriminator": ("Discriminator",),
        "evaluator": ("Case", "Evaluator", "Score"),
        "loss": ("AdversarialLoss", "Loss"),
        "recipe": ("Recipe",),
        "segmenter": ("Scan", "Segmenter", "SegmenterProgress", "SegmenterSetting"),
        "slices": ("fold_slices", "slice_axis", "unfold_slices"),
        "tensors": ("Batch", "Judgement", "Prediction", "Scores", "Setting"),
        "translator": ("Stage", "Translator", "Window"),
    }.items()
    for name in names
}

__all__ = [
    "API_VERSION",
    "AdversarialLoss",
    "Batch",
    "Case",
    "ComponentSpec",
    "DataError",
    "Dataset",
    "DatasetSpec",
    "Discriminator",
    "DiscriminatorSpec",
    "Evaluator",
    "EvaluatorSpec",
    "Generated",
    "Intensity",
    "Judgement",
    "Loss",
    "LossSpec",
    "MethodSpec",
    "Metric",
    "NothingSelectedError",
    "Origin",
    "PluginError",
    "Prediction",
    "Recipe",
    "Scan",
    "Score",
    "Scores",
    "Segmenter",
    "SegmenterProgress",
    "SegmenterSetting",
    "SegmenterSpec",
    "Setting",
    "Stage",
    "Subject",
    "SynthbenchError",
    "Task",
    "Translator",
    "TranslatorSpec",
    "UsageError",
    "Volume",
    "Window",
    "checkpoint_file",
    "fold_slices",
    "hookimpl",
    "hookspec",
    "slice_axis",
    "unfold_slices",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"synthbench.api.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'synthbench.api' has no attribute {name!r}")
