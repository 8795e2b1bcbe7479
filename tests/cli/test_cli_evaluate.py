"""`synthbench evaluate` as a user types it."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import pytest

from synthbench.cli import main
from tests.tiny import write_tree


@pytest.fixture
def common(tmp_path: Path) -> list[str]:
    """Options of data and output, and predictions in ``made``."""
    data = write_tree(tmp_path / "data", 4)
    made = tmp_path / "made"
    made.mkdir()
    for subject in ("s0", "s1", "s2", "s3"):
        image = nib.load(data / subject / f"{subject}_t2.nii.gz")
        nib.save(nib.Nifti1Image(0.9 * image.get_fdata(), image.affine), made / f"{subject}.nii")
    return [
        *("--dataset", "folder", "--data-root", str(data), "--source", "t1", "--target", "t2"),
        *("--preset", "smoke", "--folds", "2", "--executor", "inline"),
        *("--output", str(tmp_path / "out")),
    ]


def test_a_folder_of_volumes_is_scored_and_reported_beside_a_run(
    common: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["--predictions", str(tmp_path / "made")]
    assert main(["evaluate", *folder, "--name", "theirs", *common]) == 0
    assert "| made " in capsys.readouterr().out
    assert main(["run", "--methods", "identity", "--name", "ours", *common]) == 0
    runs = [path.name for path in sorted((tmp_path / "out" / "runs").iterdir())]
    capsys.readouterr()
    assert main(["report", *runs, "--output", str(tmp_path / "out")]) == 0
    table = capsys.readouterr().out
    assert "| identity" in table and "| **0." in table.split("| made")[1]


def test_a_protocol_and_a_name_can_be_chosen(
    common: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = ["--predictions", str(tmp_path / "made"), "--method", "Acme", "--protocol", "fastmri"]
    assert main(["evaluate", *made, *common]) == 0
    text = capsys.readouterr().out
    assert "| Acme" in text and "Metric protocol fastmri" in text


def test_each_folder_needs_a_name(
    common: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = ["-p", str(tmp_path / "made"), "-m", "a", "-m", "b"]
    assert main(["evaluate", *made, *common]) == 2
    assert "1 --predictions and 2 --method" in capsys.readouterr().err
