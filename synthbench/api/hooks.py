"""Every hook a plugin may implement, and the decorator that marks an implementation.

A plugin is one light module named in the entry-point group ``synthbench``. It sets
``synthbench_api_version`` and implements any of these hooks with ``@synthbench.api.hookimpl``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pluggy

from synthbench.api.specs import (
    DatasetSpec,
    DiscriminatorSpec,
    EvaluatorSpec,
    LossSpec,
    MethodSpec,
    SegmenterSpec,
    TranslatorSpec,
)

#: Version of this interface; a plugin states the one it was written for.
API_VERSION = "1.0"

hookspec = pluggy.HookspecMarker("synthbench")
hookimpl = pluggy.HookimplMarker("synthbench")


@hookspec
def synthbench_translators() -> list[TranslatorSpec]:
    """Translators this plugin brings."""
    raise NotImplementedError


@hookspec
def synthbench_discriminators() -> list[DiscriminatorSpec]:
    """Discriminators this plugin brings."""
    raise NotImplementedError


@hookspec
def synthbench_losses() -> list[LossSpec]:
    """Losses and adversarial pairs this plugin brings."""
    raise NotImplementedError


@hookspec
def synthbench_datasets() -> list[DatasetSpec]:
    """Dataset readers this plugin brings."""
    raise NotImplementedError


@hookspec
def synthbench_evaluators() -> list[EvaluatorSpec]:
    """Evaluators this plugin brings."""
    raise NotImplementedError


@hookspec
def synthbench_segmenters() -> list[SegmenterSpec]:
    """Segmenters this plugin brings."""
    raise NotImplementedError


@hookspec
def synthbench_methods() -> list[MethodSpec]:
    """Methods (named recipes) this plugin brings."""
    raise NotImplementedError


@hookspec
def synthbench_locate_data(dataset: str) -> Path | None:
    """Say where a dataset lies, when neither option, variable nor configuration does.

    Args:
        dataset: Canonical id, e.g. ``core/brats``.
    """


@hookspec
def synthbench_run_started(run: str, cells: int, pending: int) -> None:
    """A run begins.

    Args:
        run: Folder of the run.
        cells: Cells in the plan.
        pending: Cells not finished yet.
    """


@hookspec
def synthbench_cell_started(cell: Mapping[str, Any]) -> None:
    """A cell begins.

    Args:
        cell: ``label``, ``method``, ``dataset``, ``task``, ``fold``, ``seed``.
    """


@hookspec
def synthbench_cell_finished(cell: Mapping[str, Any], outcome: Mapping[str, Any]) -> None:
    """A cell ended, well or not.

    Args:
        cell: As in ``synthbench_cell_started``.
        outcome: ``state`` (done, failed, oom, timeout, killed, interrupted, blocked), ``seconds``,
            ``message``.
    """


@hookspec
def synthbench_run_finished(run: str, states: Mapping[str, int]) -> None:
    """A run ended.

    Args:
        run: Folder of the run.
        states: Number of cells by state.
    """
