"""The plugin module: light, consistent, and true to its classes."""

import inspect
import subprocess
import sys
from importlib import import_module

import pytest

from synthbench.api import Dataset
from synthbench.suite import SplitChoice
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
        "hcp": ["t1 -> t2", "t2 -> t1"],
        "dhcp": ["t2 -> t1", "t1 -> t2"],
        "synthrad": ["mr -> ct", "cbct -> ct"],
        "ixi": ["pd -> t2", "t2 -> pd"],
        "lpba40": [],
        "open_ms": ["t2 -> flair", "t1 -> t2"],
        "bids": [],
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


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_intensity_by_modality_name(spec):
    for modality, model in spec.modalities.items():
        if modality in ("ct", "cbct"):
            assert (model.kind, model.low, model.high, model.unit) == ("window", -1024, 3000, "HU")
        else:
            assert (model.kind, model.low, model.unit) == ("percentile", 0, "")


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_usual_splits_are_in_the_words_of_a_suite(spec):
    if spec.split:
        SplitChoice.model_validate(dict(spec.split))


def test_what_has_to_be_obtained_says_whom_to_cite():
    for name in SPECS.keys() - {"folder"}:
        assert SPECS[name].citation, name
