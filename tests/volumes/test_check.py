from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from synthbench.api import DataError, Intensity
from synthbench.api.dataset import Subject
from synthbench.volumes.check import SubjectCheck, check

from .images import head, prepared, save, subject
from .test_alignment import T1, T2, contrast


def messages(found: SubjectCheck, severity: str) -> list[str]:
    return [finding.message for finding in found.findings if finding.severity == severity]


def test_good_subjects_have_no_findings(tmp_path: Path) -> None:
    subjects = [subject(tmp_path, "A", seed=0), subject(tmp_path, "B", seed=1)]
    done: list[tuple[int, int]] = []
    found = check(subjects, progress=lambda *counts: done.append(counts))
    assert [one.findings for one in found] == [[], []]
    assert found[0].volumes == ["t1", "t2", "label"]
    assert (found[0].shape, found[0].spacing) == ((20, 24, 18), (1, 1, 1))
    assert done == [(1, 2), (2, 2)]


def test_every_defect_is_found_and_the_rest_is_still_read(tmp_path: Path) -> None:
    good = subject(tmp_path, "A")
    damaged = save(tmp_path / "damaged.nii.gz", head())
    damaged.write_bytes(damaged.read_bytes()[:-2000])
    moved = np.eye(4)
    moved[0, 3] = 4
    bad = Subject(
        "B",
        {
            "t1": save(tmp_path / "t1.nii.gz", head(seed=5)),
            "t2": damaged,
            "flair": tmp_path / "gone.nii.gz",
            "pd": save(tmp_path / "pd.nii.gz", head(seed=6), moved),
            "swi": save(tmp_path / "swi.nii.gz", np.ones((20, 24, 18))),
        },
        mask=save(tmp_path / "mask.nii.gz", np.ones((20, 24, 9), dtype=np.uint8)),
    )
    first, second = check([good, bad])
    assert first.usable
    assert messages(first, "warning") == [
        f"subject A has no {name}" for name in ("flair", "pd", "swi")
    ]
    assert not second.usable
    found = "\n".join(messages(second, "error"))
    for part in ("damaged.nii.gz", "gone.nii.gz", "pd.nii.gz", "4 mm", "constant", "(20, 24, 9)"):
        assert part in found
    assert second.volumes == ["t1", "pd", "mask"]


def test_the_same_volume_in_two_patients_is_an_error(tmp_path: Path) -> None:
    one = subject(tmp_path, "A")
    copy = tmp_path / "copy.nii.gz"
    copy.write_bytes(Path(str(one.volumes["t1"])).read_bytes())
    other = Subject("B", {"t1": copy})
    found = check([one, other])[1]
    assert messages(found, "error") == [
        f"t1 of subject B ({copy}) is the same volume as t1 of subject A"
    ]
    same = check([replace(one, group="P"), replace(other, group="P")])[1]
    assert same.usable
    assert sum("is the same volume as" in line for line in messages(same, "warning")) == 1


def test_the_same_volume_saved_again_is_an_error(tmp_path: Path) -> None:
    array = head()
    flipped = np.diag([-1, 1, 1, 1.0])
    flipped[0, 3] = array.shape[0] - 1
    copies = {
        "A": save(tmp_path / "a.nii.gz", array),
        "B": save(tmp_path / "b.nii", array),
        "C": save(tmp_path / "c.nii.gz", array[::-1], flipped),
        "D": save(tmp_path / "d.nii.gz", head(seed=1)),
    }
    first, *others, last = check([Subject(name, {"t1": path}) for name, path in copies.items()])
    assert first.usable
    assert last.usable
    assert ["t1 of subject A" in one.fault for one in others] == [True, True]


def test_one_modality_in_place_of_another_is_an_error(tmp_path: Path) -> None:
    one = save(tmp_path / "t1.nii.gz", head())
    (found,) = check([Subject("A", {"t1": one, "t2": save(tmp_path / "t2.nii", head())})])
    assert "t2 of subject A" in found.fault
    assert "same volume as t1 of subject A" in found.fault


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_header_that_claims_more_than_any_file_holds(tmp_path: Path, suffix: str) -> None:
    held = bytearray(save(tmp_path / "a.nii", head()).read_bytes())
    held[42:48] = np.array([32000] * 3, dtype="<i2").tobytes()
    bad = tmp_path / f"bad{suffix}"
    bad.write_bytes(gzip.compress(held) if suffix == ".nii.gz" else held)
    (found,) = check([Subject("A", {"t1": bad})])
    assert "claims the shape (32000, 32000, 32000)" in found.fault
    assert bad.name in found.fault


def test_what_a_subject_lacks_is_what_others_have_besides(tmp_path: Path) -> None:
    kinds = {"A": ("mr", "ct"), "B": ("cbct", "ct"), "C": ("cbct", "ct"), "D": ("ct",)}
    subjects = [
        Subject(
            name,
            {
                what: save(tmp_path / name / f"{what}.nii.gz", head(seed=10 * number + place))
                for place, what in enumerate(kind)
            },
        )
        for number, (name, kind) in enumerate(kinds.items())
    ]
    gaps = [
        [line for line in messages(found, "warning") if "has no" in line]
        for found in check(subjects)
    ]
    assert gaps == [[], [], [], ["subject D has no mr", "subject D has no cbct"]]


def test_an_id_that_occurs_twice_is_an_error(tmp_path: Path) -> None:
    one = subject(tmp_path, "A")
    found = check([one, subject(tmp_path / "other", "A", seed=1)])
    assert messages(found[1], "error") == ["subject id A occurs twice"]


CT = {"ct": Intensity(kind="window", low=-1024, high=3000, unit="HU")}


def hounsfield() -> np.ndarray:
    return np.rint(head() * 2 - 1000)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda hu: hu + 1024, "rescale intercept"),
        (lambda hu: (hu + 1024) / 4000, "normalised"),
        (lambda hu: (hu + 1000) / 2000 * 2 - 1, "normalised"),
        (lambda hu: np.clip((hu + 160) / 400, 0, 1) * 255, "8-bit"),
        (lambda hu: np.where(hu == -1000, -32768, hu), "filled or scaled"),
        (lambda hu: hu / 100, "range is too small"),
    ],
)
def test_values_that_cannot_be_hounsfield_units(
    tmp_path: Path, change: Callable[[np.ndarray], np.ndarray], reason: str
) -> None:
    path = save(tmp_path / "ct.nii.gz", change(hounsfield()).astype(np.float32))
    one = Subject("A", {"ct": path})
    (found,) = check([one], CT)
    assert not found.usable
    assert "ct.nii.gz" in found.fault
    assert reason in found.fault
    assert check([one])[0].usable  # without a unit, any value is as good
    with pytest.raises(DataError, match=reason):
        prepared([one], tmp_path / "out", modalities=CT, source="ct")


def test_a_ct_without_air_is_only_noted(tmp_path: Path) -> None:
    good = Subject("A", {"ct": save(tmp_path / "a.nii.gz", hounsfield().astype(np.int16))})
    inside = np.maximum(hounsfield(), -150).astype(np.int16)
    airless = Subject("B", {"ct": save(tmp_path / "b.nii.gz", inside)})
    first, second = check([good, airless], CT)
    assert first.findings == []
    assert second.usable
    assert "no air" in messages(second, "warning")[0]


def test_statistics_orientation_and_site_are_told(tmp_path: Path) -> None:
    values = np.arange(20 * 24 * 18).reshape(20, 24, 18).astype(np.int16)
    path = save(tmp_path / "t1.nii.gz", values, np.diag([-1.0, -1.0, 2.0, 1.0]))
    (found,) = check([Subject("A", {"t1": path}, site="Rome")])
    told = found.intensities["t1"]
    assert (told.dtype, told.minimum, told.maximum) == ("int16", 0, 8639)
    assert (told.p1, told.median, told.p99) == pytest.approx((86.39, 4319.5, 8552.61), abs=0.01)
    assert (found.orientation, found.site) == ("LPS", "Rome")


def test_a_shifted_modality_looks_unregistered(tmp_path: Path) -> None:
    t1, t2 = contrast(T1), np.roll(contrast(T2, 5), 3, axis=0)
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    paths = {
        name: save(tmp_path / f"{name}.nii.gz", array, affine)
        for name, array in (("t1", t1), ("t2", t2))
    }
    (found,) = check([Subject("A", paths)])
    assert found.usable
    assert messages(found, "warning") == [
        "t2 of subject A looks unregistered: it fits t1 better when shifted by about 9 mm"
    ]


def test_the_number_of_threads_changes_nothing(tmp_path: Path) -> None:
    subjects = [subject(tmp_path, name, seed=n) for n, name in enumerate("ABCD")]
    subjects[2] = replace(subjects[0], id="C")
    assert check(subjects, jobs=1) == check(subjects, jobs=3)


def test_real_volumes_give_no_false_alarm(realset: Path) -> None:
    for folder in sorted((realset / "sts").iterdir())[:3]:
        paths = {name: folder / f"{folder.name}_{name}.nii.gz" for name in ("t1", "ct", "pet")}
        assert check([Subject(folder.name, paths)], CT)[0].findings == []
