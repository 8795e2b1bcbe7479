"""The plugin module: light, consistent, and true to its classes."""

import inspect
import subprocess
import sys
from importlib import import_module

import pytest

from synthbench.api import Dataset
from synthbench_plugins import datasets
from synthbench_plugins.datasets.phantom.contrast import PROTOCOLS

SPECS = {spec.name: spec for spec in datasets.synthbench_datasets()}


def load(spec) -> type[Dataset]:
    module, name = spec.target.split(":")
    return getattr(import_module(module), name)


def test_importing_the_plugin_loads_nothing_heavy():
    code = (
        "import sys, synthbench_plugins.datasets as d; d.synthbench_datasets();"
        "print([m for m in ('numpy', 'scipy', 'nibabel', 'nilearn', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_default_tasks():
    tasks = {name: [str(task) for task in spec.tasks] for name, spec in SPECS.items()}
    assert tasks == {
        "phantom": ["t1 -> t2", "t2 -> flair", "t1 -> ct"],
        "brats": ["t2 -> flair", "t1 -> t2"],
        "folder": [],
    }


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_spec_fits_its_class(spec):
    reader = load(spec)
    assert issubclass(reader, Dataset)
    allowed = set(inspect.signature(reader).parameters)
    for preset, params in spec.presets.items():
        assert preset in ("smoke", "quick")
        assert set(params) <= allowed
        reader(**params)
    for task in spec.tasks:
        assert {*task.source, task.target} <= set(spec.modalities)


def test_phantom_declares_what_it_makes():
    assert set(SPECS["phantom"].modalities) == set(PROTOCOLS)
    assert not SPECS["phantom"].needs_root


@pytest.mark.parametrize(
    ("modality", "kind", "unit"),
    [("ct", "window", "HU"), ("cbct", "window", "HU"), ("pet", "percentile", ""),
     ("t1", "percentile", "")],
)  # fmt: skip
def test_intensity_by_modality_name(modality, kind, unit):
    model = SPECS["folder"].modalities[modality]
    assert (model.kind, model.unit) == (kind, unit)
    if kind == "window":
        assert (model.low, model.high) == (-1024, 3000)
