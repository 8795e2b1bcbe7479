"""Every built-in component keeps what the interfaces ask of a plugin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from synthbench.api import DatasetSpec
from synthbench.data_roots import DATA_VARIABLE
from synthbench.registry import load_registry
from synthbench.testing import parametrize_plugin_checks
from tests.plugins.datasets import trees

BUILT_IN = [status.name for status in load_registry().plugins if status.dist == "synthbench"]


@pytest.fixture(scope="module", autouse=True)
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Data for the datasets that read folders."""
    base = tmp_path_factory.mktemp("data")
    for entry in load_registry().all("datasets"):
        assert isinstance(entry.spec, DatasetSpec)
        if entry.plugin in BUILT_IN and entry.spec.exportable:
            trees.write(base / entry.name, entry.resolve()(), entry.spec.modalities, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DATA_VARIABLE, str(base))
        # Whoever has these weights must not wait for them here; they have a test of their own.
        patch.setenv("TOTALSEG_WEIGHTS_PATH", str(base / "no_weights"))
        yield


@parametrize_plugin_checks(*(f"plugins:{name}" for name in BUILT_IN))
def test_conformance(check: Any) -> None:
    if getattr(check, "id", "").startswith("segmenters:core/nnunet:") and check.check.level > 0:
        pytest.skip("nnU-Net trains for minutes; it has a test of its own")
    check()
