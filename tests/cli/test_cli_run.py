"""`synthbench run` and `translate` as a user types them, in this process."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from synthbench.cli import main
from tests.tiny import SHAPE, write_subject, write_tree

Run = Callable[..., int]


@pytest.fixture
def data_root(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "data", 4)


@pytest.fixture
def run(data_root: Path, tmp_path: Path) -> Run:
    def call(*more: str, root: Path | None = None) -> int:
        base = [
            *("run", "--dataset", "folder", "--data-root", str(root or data_root)),
            *("--preset", "smoke", "--executor", "inline", "--output", str(tmp_path / "out")),
        ]
        if "--source" not in more:
            base += ["--source", "t1", "--target", "t2"]
        if "--methods" not in more:
            base += ["--methods", "identity,linear"]
        return main([*base, *more])

    return call


def message(capsys: pytest.CaptureFixture[str]) -> str:
    """The error as printed: exactly one line and one hint, no traceback."""
    text = capsys.readouterr().err
    lines = [line for line in text.splitlines() if line.startswith(("Error:", "hint:"))]
    assert [line.split(":")[0] for line in lines] == ["Error", "hint"], text
    assert "Traceback" not in text
    return text


def test_a_run_prints_its_table_and_the_same_line_again_says_there_is_nothing_to_do(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == 0
    first = capsys.readouterr()
    assert "| linear" in first.out
    assert "2 of 2 cells to run" in first.err
    assert run() == 0
    second = capsys.readouterr()
    assert second.out == first.out
    assert "all 2 cells are done already, nothing to run" in second.err


def test_a_dry_run_shows_the_plan_and_leaves_no_run(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--dry-run") == 0
    assert capsys.readouterr().out.count(" new") == 2
    assert not (tmp_path / "out" / "runs").exists()
    run()
    capsys.readouterr()
    run("--dry-run", "--methods", "identity,mean")
    shown = capsys.readouterr().out
    assert "done" in shown
    assert " new" in shown


def test_a_suite_file_and_options_together(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        f"""
name: mine
methods: [identity]
datasets: [{{name: folder, root: {data_root}, tasks: [t1 -> t2, t2 -> t1]}}]
preset: smoke
"""
    )
    output = ["--executor", "inline", "--output", str(tmp_path / "out")]
    assert main(["run", str(suite), *output]) == 0
    shown = capsys.readouterr().out
    assert "t1 → t2" in shown
    assert "t2 → t1" in shown
    assert main(["run", str(suite), *output, "--seeds", "0,1", "--name", "yours"]) == 0
    names = sorted(path.name[:5] for path in (tmp_path / "out" / "runs").iterdir())
    assert names == ["mine_", "yours"]


def test_a_failing_cell_makes_the_exit_code_3(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    broken = "pix2pix_resunet.translator.params.norm=nonsense"
    assert run("--methods", "identity,pix2pix_resunet", "--set", broken) == 3
    captured = capsys.readouterr()
    assert "1 of 2 cells did not finish" in captured.err
    assert "| identity" in captured.out
    assert "failed" in captured.out


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--methods", "identitiy"], 2, "identity"),
        (["--methods", "nothing*"], 2, "nothing"),
        (["--source", "t1", "--target", "t9"], 2, "t9"),
        (["--source", "t1"], 2, "--target"),
        (["--source", "t1", "--target", "t1"], 2, "differ"),
        (["--set", "optimisr.lr=1"], 2, "optimiser"),
        (["--set", "optimiser.lrr=1"], 2, "optimiser.lr"),
        (["--set", "identity.patch.sise=4"], 2, "patch.size"),
        (["--set", "batch"], 2, "no value"),
        (["--set", "batch=-1"], 2, "batch"),
        (["--set", "losses.7.weight=2"], 2, "losses.7.weight"),
        (["--spacing", "fine"], 2, "fine"),
        (["--seeds", "zero"], 2, "seeds"),
        (["--evaluators", "iqaa"], 2, "iqa"),
        (["--dataset-set", "manifst=a.csv"], 2, "manifst"),
        (["--group-file", "nowhere.csv"], 6, "nowhere.csv"),
        (["--preset", "fast"], 2, "fast"),
    ],
)
def test_wrong_options_are_one_line_and_a_hint(
    run: Run, capsys: pytest.CaptureFixture[str], options: list[str], code: int, said: str
) -> None:
    assert run(*options) == code
    assert said in message(capsys)


def test_a_missing_or_foreign_data_root(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(root=tmp_path / "nowhere") == 6
    assert "nowhere" in message(capsys)
    foreign = tmp_path / "foreign"
    (foreign / "photos").mkdir(parents=True)
    (foreign / "photos" / "cat.jpg").write_bytes(b"")
    assert run(root=foreign) == 6
    assert str(foreign) in message(capsys)


def rewrite(path: Path, array: np.ndarray, affine: np.ndarray | None = None) -> None:
    nib.save(nib.Nifti1Image(array, np.diag([1.0, 1, 2, 1]) if affine is None else affine), path)


BALL = np.linspace(0, 500, np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda p: p.write_bytes(p.read_bytes()[:300]), "s1_t1"),
        (lambda p: rewrite(p, BALL[:10]), "shape"),
        (lambda p: rewrite(p, np.where(BALL > 400, np.nan, BALL)), "NaN"),
        (lambda p: rewrite(p, np.zeros_like(BALL)), "constant"),
        (lambda p: rewrite(p, np.stack([BALL, BALL], -1)), "s1_t1"),
        (lambda p: rewrite(p, BALL[:, :, 0]), "s1_t1"),
        (lambda p: rewrite(p, BALL, np.diag([3.0, 1, 2, 1])), "s1_t1"),
    ],
    ids=["truncated", "shape", "nan", "constant", "4d", "2d", "affine"],
)
def test_a_spoilt_volume_is_named_and_nothing_is_lost(
    run: Run,
    data_root: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], None],
    said: str,
) -> None:
    path = data_root / "s1" / "s1_t1.nii.gz"
    whole = path.read_bytes()
    spoil(path)
    spoilt = path.read_bytes()
    assert run() == 6
    text = message(capsys)
    assert said in text
    assert "s1" in text
    assert path.read_bytes() == spoilt  # the user's data is never written to
    path.write_bytes(whole)
    assert run() == 0  # what was prepared before the error is used, the rest is done now


def test_one_subject_cannot_be_split(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "single"
    write_subject(root, "only", 0)
    assert run(root=root) == 6
    assert message(capsys)


def test_an_output_folder_that_cannot_be_written(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("precious")
    code = main(
        [
            *("run", "--dataset", "folder", "--data-root", str(data_root), "--methods", "identity"),
            *("--source", "t1", "--target", "t2", "--output", str(blocker / "out")),
        ]
    )
    assert code == 6
    assert str(blocker) in message(capsys)
    assert blocker.read_text() == "precious"


def test_a_disk_that_fills_up_ends_the_run_and_the_next_one_continues(
    run: Run,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = Path.replace
    left = [12]  # so many files still fit

    def full(self: Path, target: Path) -> Path:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, os.strerror(28))
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        assert run() != 0
    assert "No space left" in capsys.readouterr().err
    assert not list((tmp_path / "out").rglob("*.tmp"))
    assert run() == 0


def test_a_patch_larger_than_the_volumes_is_padded_and_noted(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = ("--set", "pix2pix_resunet.patch.size=[32,32,32]")
    few = ("--set", "pix2pix_resunet.budget.steps=2")
    assert run("--methods", "pix2pix_resunet,identity", *sizes, *few) == 0
    assert "padded with background" in capsys.readouterr().out


def test_translate_writes_a_volume_in_the_files_own_space(
    run: Run, tmp_path: Path, data_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--name", "mine") == 0
    name = next((tmp_path / "out" / "runs").iterdir()).name
    scan = tmp_path / "new.nii.gz"
    flipped = np.array([[-1.0, 0, 0, 5], [0, 0, 1, 7], [0, 3, 0, 9], [0, 0, 0, 1]])
    rewrite(scan, np.round(BALL), flipped)
    base = ["translate", f"{name}:linear", str(scan), "--output", str(tmp_path / "out")]
    assert main([*base, "--to", str(tmp_path / "synthetic")]) == 0
    image = nib.load(tmp_path / "synthetic" / "new_t2.nii.gz")
    assert image.shape == BALL.shape
    assert np.array_equal(image.affine, flipped)
    # Intensities are those of the training targets, not the unit range.
    assert image.get_fdata().max() > 100
    capsys.readouterr()
    assert main([*base, "--to", str(tmp_path / "synthetic")]) == 6
    assert "there already" in message(capsys)
    assert main([*base, "--to", str(tmp_path / "synthetic"), "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("model", "said"), [("mine:linnear", "linear"), ("nowhere:linear", "nowhere"), ("x", "x")]
)
def test_translate_suggests_names(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str, said: str
) -> None:
    run("--name", "mine")
    name = next((tmp_path / "out" / "runs").iterdir()).name
    capsys.readouterr()
    arguments = ["translate", model.replace("mine", name), "a.nii.gz", "--to", str(tmp_path)]
    assert main([*arguments, "--output", str(tmp_path / "out")]) == 2
    assert said in message(capsys)
