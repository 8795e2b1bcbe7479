from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from synthbench.api.dataset import Subject
from synthbench.volumes.check import SubjectCheck, check

from .images import head, save, subject


def messages(found: SubjectCheck, severity: str) -> list[str]:
    return [finding.message for finding in found.findings if finding.severity == severity]


def test_good_subjects_have_no_findings(tmp_path: Path) -> None:
    subjects = [subject(tmp_path, "A", seed=0), subject(tmp_path, "B", seed=1)]
    done: list[tuple[int, int]] = []
    found = check(subjects, ["t1", "t2"], progress=lambda *counts: done.append(counts))
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
    first, second = check([good, bad], ["t1", "t2", "ct"])
    assert first.usable
    assert messages(first, "warning") == ["subject A has no ct"]
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
    found = check([one, other], [])[1]
    assert messages(found, "error") == [
        f"t1 of subject B ({copy}) is the same volume as t1 of subject A"
    ]
    same = check([replace(one, group="P"), replace(other, group="P")], [])[1]
    assert same.usable
    assert len(messages(same, "warning")) == 1


def test_an_id_that_occurs_twice_is_an_error(tmp_path: Path) -> None:
    one = subject(tmp_path, "A")
    found = check([one, subject(tmp_path / "other", "A", seed=1)], [])
    assert messages(found[1], "error") == ["subject id A occurs twice"]
