"""Every built-in component keeps what the interfaces ask of a plugin."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest

from synthbench.data_roots import DATA_VARIABLE
from synthbench.registry import load_registry
from synthbench.testing import parametrize_plugin_checks
from tests.tiny import write_tree

BUILT_IN = [status.name for status in load_registry().plugins if status.dist == "synthbench"]


@pytest.fixture(scope="module", autouse=True)
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Data for the datasets that read folders."""
    base = tmp_path_factory.mktemp("data")
    for name in ("folder", "brats"):
        write_tree(base / name, 2)
    for subject in (base / "brats").iterdir():
        for modality in ("flair", "t1ce"):
            copied_as = subject / f"{subject.name}_{modality}.nii.gz"
            shutil.copy(subject / f"{subject.name}_t2.nii.gz", copied_as)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DATA_VARIABLE, str(base))
        yield


@parametrize_plugin_checks(*(f"plugins:{name}" for name in BUILT_IN))
def test_conformance(check: Callable[[], None]) -> None:
    check()
