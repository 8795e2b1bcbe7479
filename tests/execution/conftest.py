from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from synthbench.registry import Registry
from synthbench.registry.discovery import installed
from synthbench.suite import Suite, make_suite
from tests import toy


@pytest.fixture
def registry() -> Registry:
    """Everything installed, and the toy plugin."""
    registry = Registry(installed())
    registry.register_local(toy, "toy")
    return registry


def write_subject(root: Path, name: str, seed: int, shape: tuple[int, int, int]) -> None:
    """A bright ball on dark ground, its target a nonlinear map of it, and a label in its middle."""
    random = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"))
    radius = np.sqrt((grid**2).sum(0)) + 0.05 * random.standard_normal(shape)
    source = np.clip(1 - radius, 0, None) * 1000
    target = np.where(source > 0, 300 + 500 * np.sin(source / 300), 0)
    folder = root / name
    folder.mkdir(parents=True)
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    for modality, array in (("t1", source), ("t2", target)):
        image = nib.Nifti1Image(array.astype(np.int16), affine)
        nib.save(image, folder / f"{name}_{modality}.nii.gz")
    label = (radius < 0.3).astype(np.uint8)
    nib.save(nib.Nifti1Image(label, affine), folder / f"{name}_seg.nii.gz")


@pytest.fixture
def data_root(tmp_path: Path) -> Path:
    """Five tiny subjects in the folder layout."""
    root = tmp_path / "data"
    for number in range(5):
        write_subject(root, f"s{number}", number, (14, 16, 12))
    return root


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
