"""Free-form folders and manifests; files are empty, as listing never reads them."""

from pathlib import Path

import pytest

from synthbench.api import DataError
from synthbench_plugins.datasets.folder import Folder


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def write(root: Path, text: str, name: str = "manifest.csv") -> None:
    (root / name).write_text(text, encoding="utf-8")


# --- tree


def test_tree(tmp_path):
    touch(
        tmp_path,
        "b/b_CT.nii.gz", "b/b_mr.nii", "b/b_seg.nii.gz", "b/b_mask.nii.gz", "b/notes.txt",
        "a-S2/a-S2_ct.nii.gz", "a-S2/other.nii.gz",
        "overview/picture.png",
    )  # fmt: skip
    first, second = Folder().subjects(tmp_path)
    assert (first.id, first.patient) == ("a-S2", "a")
    assert first.volumes == {"ct": tmp_path / "a-S2/a-S2_ct.nii.gz"}
    assert first.label is first.mask is None
    assert sorted(second.volumes) == ["ct", "mr"]
    assert second.label == tmp_path / "b/b_seg.nii.gz"
    assert second.mask == tmp_path / "b/b_mask.nii.gz"


@pytest.mark.parametrize(
    ("present", "chosen"),
    [
        (["valid"], None),
        (["valid", "brainmask"], "brainmask"),
        (["brainmask", "mask", "valid"], "mask"),
        ([], None),
    ],
)
def test_mask_by_preference(tmp_path, present, chosen):
    touch(tmp_path, "a/a_t1.nii.gz", *(f"a/a_{name}.nii.gz" for name in present))
    (found,) = Folder().subjects(tmp_path)
    assert list(found.volumes) == ["t1"]
    assert found.mask == (chosen and tmp_path / f"a/a_{chosen}.nii.gz")
    assert found.valid == (tmp_path / "a/a_valid.nii.gz" if "valid" in present else None)


def test_trees_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(DataError, match="not a folder"):
        Folder().subjects(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"no subject in .*\nExpected"):
        Folder().subjects(tmp_path)
    touch(tmp_path, "a/a_seg.nii.gz")
    with pytest.raises(DataError, match="subject a has no image"):
        Folder().subjects(tmp_path)
    touch(tmp_path, "a/a_t1.nii.gz", "a/a_T1.nii")
    with pytest.raises(DataError, match="Two files for t1 of subject a"):
        Folder().subjects(tmp_path)


def test_a_folder_with_other_names_is_not_dropped_silently(tmp_path):
    touch(tmp_path, "a/a_t1.nii.gz", "b/t1.nii.gz")
    with pytest.raises(DataError, match=r"b/t1\.nii\.gz is not named after its folder"):
        Folder().subjects(tmp_path)


# --- manifest


def test_manifest(tmp_path):
    touch(tmp_path, "x/1.nii.gz", "x/2.nii.gz", "x/3.nii.gz", "x/s.nii.gz", "x/m.nii.gz")
    write(
        tmp_path,
        "\ufeffSubject, T1 ,ct,label,mask,patient,site\n"
        f"two,x/1.nii.gz,{tmp_path}/x/2.nii.gz,x/s.nii.gz,x/m.nii.gz,P1,Bonn\n"
        ",,,,,,\n"
        "one,x/3.nii.gz,,,,P1,\n",
    )
    first, second = Folder().subjects(tmp_path)
    assert first.id == "one"
    assert first.volumes == {"t1": tmp_path / "x/3.nii.gz"}
    assert first.label is first.mask is None
    assert first.patient == second.patient == "P1"
    assert second.volumes == {"t1": tmp_path / "x/1.nii.gz", "ct": tmp_path / "x/2.nii.gz"}
    assert second.label == tmp_path / "x/s.nii.gz"
    assert second.mask == tmp_path / "x/m.nii.gz"
    assert second.site == "Bonn"


def test_manifest_wins_over_the_tree_and_may_have_another_name(tmp_path):
    touch(tmp_path, "a/a_t1.nii.gz", "tables/images/b.nii.gz")
    write(tmp_path / "tables", "subject,t1\nb,images/b.nii.gz\n", "mine.csv")
    (found,) = Folder(manifest="tables/mine.csv").subjects(tmp_path)
    assert found.volumes == {"t1": tmp_path / "tables/images/b.nii.gz"}  # relative to the table
    assert Folder().subjects(tmp_path)[0].id == "a"
    with pytest.raises(DataError, match=r"no manifest .*other\.csv"):
        Folder(manifest="other.csv").subjects(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'subject'"),
        ("id,t1\na,a.nii\n", "no column 'subject'"),
        ("subject,label\na,a.nii\n", "no column for a modality"),
        ("subject,t1,T1\na,a.nii,a.nii\n", "two with the same"),
        ("subject,t1,\na,a.nii,\n", "a column without a name"),
        ("subject,t1,group,patient\na,a.nii,g,p\n", "both a column 'group'"),
        ("subject,t1\n", "no subject in"),
        ("subject,t1\na,a.nii,b.nii\n", "line 2: 3 cells in 2 columns"),
        ("subject,t1\na,a.nii\na,a.nii\n", "Subject a occurs twice"),
        ("subject,t1\na,a.nii\n,a.nii\n", "line 3: no subject"),
        ("subject,t1,label\na,,a.nii\n", "line 2: subject a has no image"),
        ("subject,t1\na,gone.nii\n", r"line 2: t1 of subject a is missing: .*gone\.nii"),
        ("subject,t1,mask\na,a.nii,gone.nii\n", "mask of subject a is missing"),
        ('subject,t1\na,"a.nii\n', "line 2: "),
    ],
)
def test_manifests_that_do_not_fit_are_refused(tmp_path, text, message):
    touch(tmp_path, "a.nii")
    write(tmp_path, text)
    with pytest.raises(DataError, match=message) as caught:
        Folder().subjects(tmp_path)
    assert caught.value.hint


def test_a_manifest_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "manifest.csv").write_bytes("subject,t1\nmüller,a.nii\n".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        Folder().subjects(tmp_path)


def test_real_sarcomas(realset):
    found = Folder().subjects(realset / "sts")
    assert len(found) == 11
    for subject in found:
        assert sorted(subject.volumes) == ["ct", "pet", "t1"]
        assert subject.label.name == f"{subject.id}_seg.nii.gz"
        assert subject.mask is None
        assert subject.valid.name == f"{subject.id}_valid.nii.gz"
    assert len({subject.patient for subject in found}) == 11
