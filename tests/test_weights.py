"""Where published weights are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from synthbench.api import checkpoint_file


def test_the_folder_is_that_of_torch_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TORCH_HOME", raising=False)
    for cache in (str(tmp_path / "cache"), None):
        if cache is None:
            monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        else:
            monkeypatch.setenv("XDG_CACHE_HOME", cache)
        folder = checkpoint_file("vgg.pth").parent
        assert folder == Path(torch.hub.get_dir()).expanduser() / "checkpoints"
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    assert checkpoint_file("vgg.pth") == Path(torch.hub.get_dir()) / "checkpoints" / "vgg.pth"


def test_an_absolute_path_is_taken_as_it_is(tmp_path: Path) -> None:
    assert checkpoint_file(str(tmp_path / "vgg.npz")) == tmp_path / "vgg.npz"
    assert checkpoint_file("~/vgg.npz") == Path.home() / "vgg.npz"
