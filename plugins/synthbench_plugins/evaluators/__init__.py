"""Evaluators that no single paper owns."""

from __future__ import annotations

from synthbench.api import EvaluatorSpec, hookimpl
from synthbench_plugins.evaluators import declared, segmentation
from synthbench_plugins.evaluators.perceptual import declared as perceptual

synthbench_api_version = "1.0"


@hookimpl
def synthbench_evaluators() -> list[EvaluatorSpec]:
    """Declare the built-in evaluators."""
    return [*declared.SPECS, *perceptual.SPECS, *segmentation.SPECS]
