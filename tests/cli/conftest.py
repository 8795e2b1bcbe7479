from __future__ import annotations

from pathlib import Path

import pytest

import synthbench.registry
from tests.fake_plugins import Site


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Plugins that the command line sees beside the real ones."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delenv("SYNTHBENCH_PLUGINS", raising=False)
    monkeypatch.delenv("SYNTHBENCH_STRICT_PLUGINS", raising=False)
    monkeypatch.setattr(synthbench.registry, "_cached", None)
    return Site(folder)
