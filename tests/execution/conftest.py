from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synthbench.registry import Registry
from synthbench.registry.discovery import installed
from synthbench.suite import Suite, make_suite
from tests import toy
from tests.tiny import write_tree


@pytest.fixture
def registry() -> Registry:
    """Everything installed, and the toy plugin."""
    registry = Registry(installed())
    registry.register_local(toy, "toy")
    return registry


@pytest.fixture
def data_root(tmp_path: Path) -> Path:
    """Five tiny subjects in the folder layout."""
    return write_tree(tmp_path / "data", 5)


@pytest.fixture
def suite(data_root: Path) -> Callable[..., Suite]:
    def make(**changes: Any) -> Suite:
        data: dict[str, Any] = {
            "methods": ["toy/conv", "identity"],
            "datasets": [{"name": "folder", "root": data_root, "tasks": ["t1 -> t2"]}],
            "preset": "smoke",
            "split": {"test": 0.4},
        }
        return make_suite({**data, **changes})

    return make
