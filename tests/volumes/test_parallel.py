from __future__ import annotations

from pathlib import Path

import pytest

from synthbench.volumes import parallel


@pytest.mark.parametrize(
    ("gigabytes", "limit", "expected"),
    [(64, "max", 8), (8, "max", 4), (64, str(5 * 2**30), 2), (64, str(2**63), 8), (1, "max", 1)],
)
def test_as_many_threads_as_there_is_memory_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    gigabytes: int,
    limit: str,
    expected: int,
) -> None:
    class Memory:
        total = gigabytes * 2**30

    (tmp_path / "memory.max").write_text(f"{limit}\n")
    monkeypatch.setattr(parallel.psutil, "virtual_memory", Memory)
    monkeypatch.setattr(parallel, "_CONTAINER_LIMITS", (tmp_path / "memory.max", tmp_path / "none"))
    monkeypatch.setattr(parallel, "cores", lambda: 16)
    assert parallel.workers() == expected
