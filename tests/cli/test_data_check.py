from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from click.testing import CliRunner, Result

from synthbench import registry
from synthbench.api import UsageError
from synthbench.cli.data import command
from tests.fake_plugins import Site

TINY = """
@hookimpl
def synthbench_datasets():
    return [
        DatasetSpec(
            name="tiny", target=__name__ + ":Tiny", summary="One folder a subject.",
            tasks=(Task(source=("t1",), target="t2"),), obtain="Make it.",
            modalities={"ct": Intensity(kind="window", low=-1024, high=3000, unit="HU")},
        )
    ]

class Tiny(Dataset):
    def subjects(self, root):
        return [
            Subject(f.name, {p.name.partition(".")[0]: p for p in sorted(f.iterdir())})
            for f in sorted(root.iterdir())
        ]
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three good subjects, which the dataset `tiny` reads."""
    site = Site(tmp_path / "site")
    site.folder.mkdir()
    site.install("tiny", TINY)
    monkeypatch.syspath_prepend(site.folder)
    found = site.registry()
    monkeypatch.setattr(registry, "load_registry", lambda: found)
    for seed, subject in enumerate("abc"):
        random = np.random.default_rng(seed)
        (tmp_path / "data" / subject).mkdir(parents=True)
        for modality in ("t1", "t2"):
            _save(tmp_path / "data" / subject / f"{modality}.nii.gz", random.random((6, 7, 8)))
    return tmp_path / "data"


def _save(path: Path, array: np.ndarray) -> None:
    nib.save(nib.Nifti1Image(array.astype(np.float32), np.diag([1, 1, 2.5, 1])), path)


def _check(data: Path, *more: str) -> Result:
    return CliRunner().invoke(
        command, ["check", "--dataset", "tiny", "--data-root", str(data), *more]
    )


def test_good_data_passes_with_a_table(data: Path) -> None:
    result = _check(data)
    assert result.exit_code == 0, result.output
    line = next(line for line in result.stdout.splitlines() if line.startswith("b "))
    assert "6 x 7 x 8" in line
    assert "1 x 1 x 2.5" in line
    assert line.rstrip().endswith("ok")
    assert "t1 -> t2: 3 patients" in result.stdout
    assert "ready for a run" in result.stdout


def test_a_subject_that_lacks_a_modality_is_no_obstacle(data: Path) -> None:
    (data / "c" / "t2.nii.gz").unlink()
    result = _check(data)
    assert result.exit_code == 0, result.output
    assert "warning: subject c has no t2" in result.stdout
    assert "t1 -> t2: 2 patients" in result.stdout


def test_a_damaged_file_is_named_and_exits_with_6(data: Path, tmp_path: Path) -> None:
    bad = data / "b" / "t1.nii.gz"
    bad.write_bytes(bad.read_bytes()[:200])
    result = _check(data, "--json", str(tmp_path / "found.json"))
    assert result.exit_code == 6
    assert str(bad) in result.stdout
    assert "1 of 3 subjects cannot be used: b" in result.stdout
    record = json.loads((tmp_path / "found.json").read_text())
    assert [one["usable"] for one in record["subjects"]] == [True, False, True]
    assert record["subjects"][1]["findings"][0]["severity"] == "error"
    assert record["problems"]


def test_shapes_that_differ_exit_with_6(data: Path) -> None:
    _save(data / "a" / "t2.nii.gz", np.random.default_rng(9).random((6, 7, 9)))
    result = _check(data)
    assert result.exit_code == 6
    assert "(6, 7, 9)" in result.stdout


def test_one_patient_is_too_few(data: Path) -> None:
    for subject in "bc":
        for file in (data / subject).iterdir():
            file.unlink()
        (data / subject).rmdir()
    result = _check(data)
    assert result.exit_code == 6
    assert "1 usable patient: too few" in result.stdout


def test_no_usual_task_can_run(data: Path) -> None:
    for subject in "bc":
        (data / subject / "t2.nii.gz").unlink()
    result = _check(data)
    assert result.exit_code == 6
    assert "no usual task" in result.stdout


def test_statistics_are_listed_on_request_and_always_in_the_json(
    data: Path, tmp_path: Path
) -> None:
    assert "median" not in _check(data).stdout
    result = _check(data, "--verbose", "--jobs", "2", "--json", str(tmp_path / "found.json"))
    assert result.exit_code == 0, result.output
    assert "median" in result.stdout
    line = next(
        line for line in result.stdout.splitlines() if line.startswith("a ") and "t2" in line
    )
    assert "RAS" in line
    record = json.loads((tmp_path / "found.json").read_text())
    told = record["subjects"][0]["intensities"]["t1"]
    assert told["dtype"] == "float32"
    assert 0 <= told["minimum"] <= told["p1"] < told["median"] < told["p99"] <= told["maximum"] <= 1
    assert record["subjects"][0]["orientation"] == "RAS"


def test_a_copy_under_another_name_is_named(data: Path) -> None:
    (data / "c" / "t1.nii.gz").write_bytes((data / "a" / "t1.nii.gz").read_bytes())
    result = _check(data)
    assert result.exit_code == 6
    assert "is the same volume as t1 of subject a" in result.stdout


def test_a_ct_without_its_intercept_is_named(data: Path) -> None:
    raw = np.random.default_rng(1).integers(0, 3000, (6, 7, 8))
    _save(data / "b" / "ct.nii.gz", raw)
    result = _check(data)
    assert result.exit_code == 6
    assert "rescale intercept" in result.stdout


def test_the_readers_parameters_are_those_it_has(data: Path) -> None:
    result = _check(data, "--dataset-set", "colour=blue")
    assert isinstance(result.exception, UsageError)
    assert "takes no arguments" in result.exception.message
