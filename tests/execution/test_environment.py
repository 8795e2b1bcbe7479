"""What is recorded of the software that made a result."""

from importlib.metadata import PackageNotFoundError

import pytest

from synthbench.execution import environment


def test_optional_packages_are_told_where_they_are_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def installed(name: str) -> str:
        if name in ("lpips", "nilearn"):
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(environment, "version", installed)
    found = environment.versions()
    assert found["nnunetv2"] == found["TotalSegmentator"] == "1.0"
    assert "lpips" not in found
    assert found["nilearn"] == "not installed"
