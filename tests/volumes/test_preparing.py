from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from synthbench.api import DataError, Intensity
from synthbench.api.dataset import Generated, Subject, Volume
from synthbench.volumes import arrays, preparing
from synthbench.volumes.intensity import Bounds
from synthbench.volumes.prepared import Prepared, PreparedSubject

from .images import MM, head, prepared, save, subject


def test_arrays_are_unit_range_on_one_grid_and_memory_mapped(tmp_path: Path) -> None:
    one = prepared([subject(tmp_path)], tmp_path / "out")["A"]
    assert one.modalities == ["t1", "t2"]
    assert (one.id, one.patient, one.shape, one.spacing) == ("A", "A", (20, 24, 18), (1, 1, 1))
    for name in one.modalities:
        volume = one.volume(name)
        assert isinstance(volume, np.memmap)
        assert volume.flags.c_contiguous
        assert (volume.dtype, volume.shape) == (np.float32, one.shape)
        assert (volume.min(), volume.max()) == (0, 1)
    assert isinstance(one.mask, np.memmap)
    assert one.mask.dtype == np.bool_
    np.testing.assert_array_equal(np.flatnonzero(one.mask), one.foreground)


def test_bounds_give_the_raw_values_back(tmp_path: Path) -> None:
    one = prepared([subject(tmp_path)], tmp_path / "out")["A"]
    bounds = one.bounds["t1"]
    raw = one.volume("t1") * bounds.width + bounds.low
    np.testing.assert_allclose(raw, head(), atol=1e-3)


def test_a_given_mask_is_used_and_a_derived_one_is_mentioned(tmp_path: Path) -> None:
    plain = subject(tmp_path)
    given = np.zeros((20, 24, 18), dtype=np.uint8)
    given[2:5, 3:6, 4:7] = 1
    masked = replace(plain, id="B", mask=save(tmp_path / "mask.nii.gz", given))
    found = prepared([plain, masked], tmp_path / "out")
    assert "derived from the source: t1 of subject A" in found["A"].warnings[0]
    assert found["B"].warnings == []
    np.testing.assert_array_equal(found["B"].mask, given)


def test_the_foreground_is_cut_to_where_every_modality_holds_data(tmp_path: Path) -> None:
    plain = subject(tmp_path)
    valid = np.zeros((20, 24, 18), dtype=np.uint8)
    valid[:, :12] = 1
    cut = replace(plain, id="B", valid=save(tmp_path / "valid.nii.gz", valid))
    found = prepared([plain, cut], tmp_path / "out")
    np.testing.assert_array_equal(found["B"].mask, found["A"].mask & (valid > 0))
    assert 0 < found["B"].mask.sum() < found["A"].mask.sum()


def test_regions_come_from_the_dataset_or_from_the_values_found(tmp_path: Path) -> None:
    one = subject(tmp_path)
    found = prepared([one], tmp_path / "values")["A"]
    assert found.regions == {"label_1": (1,), "label_4": (4,)}
    masks = found.region_masks()
    np.testing.assert_array_equal(masks["label_4"], np.asarray(found.label) == 4)
    table = {"whole": (1, 2, 4), "necrosis": (2,)}
    masks = prepared([one], tmp_path / "named", regions=table)["A"].region_masks()
    assert masks["whole"].sum() == np.count_nonzero(found.label)
    assert not masks["necrosis"].any()


def test_without_a_label_there_are_no_regions(tmp_path: Path) -> None:
    one = subject(tmp_path, label=False)
    found = prepared([one], tmp_path / "out", regions={"whole": (1,)})["A"]
    assert found.label is None
    assert not found.has_label
    assert found.region_masks() == {}


def test_spacing_changes_every_array_alike(tmp_path: Path) -> None:
    found = prepared([subject(tmp_path)], tmp_path / "out", spacing=(2.0, 1.0, 1.5))["A"]
    assert found.shape == (10, 24, 12)
    assert found.spacing == pytest.approx((2, 1, 1.5))
    assert found.volume("t2").shape == found.mask.shape == found.shape
    assert found.label is not None
    assert set(np.unique(found.label)) == {0, 1, 4}
    assert found.native[0] == (20, 24, 18)


def test_files_in_different_orientations_share_a_grid(tmp_path: Path) -> None:
    array = head()
    las = np.diag([-1.0, 1, 1, 1])
    las[0, 3] = array.shape[0] - 1
    one = Subject(
        "A",
        {
            "t1": save(tmp_path / "t1.nii.gz", array),
            "t2": save(tmp_path / "t2.nii.gz", array[::-1], las),
        },
    )
    found = prepared([one], tmp_path / "out")["A"]
    np.testing.assert_array_equal(found.volume("t1"), found.volume("t2"))


def test_foreground_indices_are_thinned_evenly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "MOST_CENTRES", 50)
    found = prepared([subject(tmp_path)], tmp_path / "out")["A"]
    assert found.foreground.size == 50
    assert np.asarray(found.mask).ravel()[found.foreground].all()
    everything = np.flatnonzero(found.mask)
    assert (found.foreground[0], found.foreground[-1]) == (everything[0], everything[-1])


def test_generated_subjects_need_no_files(tmp_path: Path) -> None:
    volumes = {
        name: Generated({"seed": seed}, lambda seed=seed: Volume(head(seed=seed), MM))
        for seed, name in enumerate(("t1", "t2"))
    }
    found = prepared([Subject("G", volumes)], tmp_path / "out")["G"]
    assert found.shape == (20, 24, 18)


def test_odd_ids_and_modalities_become_file_names(tmp_path: Path) -> None:
    one = subject(tmp_path)
    odd = Subject("../site 1/A", {"t1": one.volumes["t1"], "t2/s": one.volumes["t2"]})
    found = prepared([odd], tmp_path / "out", modalities={"t1": Intensity(), "t2/s": Intensity()})
    assert found.subjects == ["../site 1/A"]
    assert found["../site 1/A"].volume("t2/s").shape == (20, 24, 18)
    assert {entry.name for entry in tmp_path.iterdir()} == {"A", "out"}


def test_prepared_subjects_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subjects = [subject(tmp_path, "A"), subject(tmp_path, "B")]
    prepared(subjects[:1], tmp_path / "out")
    seen: list[str] = []
    read = arrays.read
    monkeypatch.setattr(arrays, "read", lambda o, **k: (seen.append(k["what"]), read(o, **k))[1])
    done: list[tuple[int, int]] = []
    preparing.prepare(
        subjects,
        {"t1": Intensity(), "t2": Intensity()},
        ["t1"],
        spacing=None,
        folder=tmp_path / "out",
        regions={},
        progress=lambda *counts: done.append(counts),
    )
    # Each file of the other one is read once.
    assert seen == ["t1 of subject B", "t2 of subject B", "label of subject B"]
    assert done == [(1, 2), (2, 2)]


def test_other_choices_prepare_again(tmp_path: Path) -> None:
    one = subject(tmp_path)
    prepared([one], tmp_path / "out")
    window = {"t1": Intensity(kind="window", low=0, high=2000), "t2": Intensity()}
    again = prepared([one], tmp_path / "out", modalities=window)
    assert again["A"].bounds["t1"] == Bounds(0, 2000)
    assert [entry.name for entry in (tmp_path / "out" / "subjects").iterdir()] == ["A"]


def test_a_foreground_that_vanishes_on_a_coarse_grid_is_refused(tmp_path: Path) -> None:
    speck = np.zeros((20, 24, 18), dtype=np.uint8)
    speck[0, 0, 0] = 1
    one = replace(subject(tmp_path), mask=save(tmp_path / "mask.nii.gz", speck))
    with pytest.raises(DataError, match="foreground of subject A vanishes"):
        prepared([one], tmp_path / "out", spacing=5.0)


def test_a_subject_without_the_modality_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="subject A has no flair; it has t1, t2"):
        prepared(
            [subject(tmp_path)],
            tmp_path / "out",
            modalities={"t1": Intensity(), "flair": Intensity()},
        )


def test_an_id_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="id A occurs more than once"):
        prepared([subject(tmp_path)] * 2, tmp_path / "out")


@pytest.mark.parametrize("what", ["t2", "label", "mask"])
def test_shapes_that_differ_are_named_with_both_files(tmp_path: Path, what: str) -> None:
    one = subject(tmp_path)
    other = save(tmp_path / "other.nii.gz", np.rint(head((20, 24, 17))))
    bad = (
        replace(one, volumes={**one.volumes, "t2": other})
        if what == "t2"
        else replace(one, **{what: other})
    )
    with pytest.raises(DataError) as caught:
        prepared([bad], tmp_path / "out")
    message = caught.value.message
    assert f"{what} of subject A" in message
    for part in (str(other), str(one.volumes["t1"]), "(20, 24, 17)", "(20, 24, 18)"):
        assert part in message


def test_affines_that_differ_are_refused_and_rounding_is_not(tmp_path: Path) -> None:
    one = subject(tmp_path)
    moved, rounded = MM.copy(), MM.copy()
    moved[1, 3], rounded[1, 3] = 2.5, 1e-4
    far = save(tmp_path / "far.nii.gz", head(seed=1), moved)
    near = save(tmp_path / "near.nii.gz", head(seed=1), rounded)
    with pytest.raises(DataError, match=r"far.nii.gz.*corners up to 2.5 mm apart"):
        prepared([replace(one, volumes={**one.volumes, "t2": far})], tmp_path / "out")
    fine = replace(one, volumes={**one.volumes, "t2": near})
    assert prepared([fine], tmp_path / "out").subjects == ["A"]


@pytest.mark.parametrize("code", [errno.EROFS, errno.EACCES])
def test_a_folder_that_cannot_be_written_is_named_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    prepared([subject(tmp_path, "A")], tmp_path / "out")
    before = np.array(Prepared(tmp_path / "out")["A"].volume("t1"))

    def refuse(self: Path, *args: object, **options: object) -> None:
        raise OSError(code, os.strerror(code), str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refuse)
        other = {"t1": Intensity(kind="zscore"), "t2": Intensity()}
        with pytest.raises(DataError, match=f"out.*{os.strerror(code)}"):
            prepared([replace(subject_of(tmp_path), id="A")], tmp_path / "out", modalities=other)
    np.testing.assert_array_equal(Prepared(tmp_path / "out")["A"].volume("t1"), before)


def subject_of(folder: Path) -> Subject:
    files = folder / "A"
    return Subject("A", {name: files / f"{name}.nii.gz" for name in ("t1", "t2")})


def test_an_output_folder_below_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file/out"):
        prepared([subject(tmp_path)], tmp_path / "file" / "out")


def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subjects = [subject(tmp_path, "A"), subject(tmp_path, "B")]
    prepared(subjects[:1], tmp_path / "out")
    save_array = np.save

    def fill_up(path: Path, array: np.ndarray, **options: object) -> None:
        if path.name == "label.npy":
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save_array(path, array, **options)

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", fill_up)
        with pytest.raises(DataError, match="No space left"):
            prepared(subjects, tmp_path / "out")
    assert [entry.name for entry in (tmp_path / "out" / "subjects").iterdir()] == ["A"]
    # With space again, the same command goes on where it stopped.
    assert prepared(subjects, tmp_path / "out").subjects == ["A", "B"]


def test_prepared_arrays_that_were_damaged_are_named(tmp_path: Path) -> None:
    one = prepared([subject(tmp_path)], tmp_path / "out")["A"]
    (one.folder / "mask.npy").write_bytes(b"")
    with pytest.raises(DataError, match=r"mask.npy of subject A"):
        _ = one.mask
    (one.folder / "subject.json").unlink()
    with pytest.raises(DataError, match="no prepared subject"):
        PreparedSubject(one.folder)
    with pytest.raises(DataError, match="Z is not prepared"):
        _ = Prepared(tmp_path / "out")["Z"]


@pytest.mark.parametrize("name", ["volume_t2.npy", "label.npy", "mask.npy", "foreground.npy"])
def test_a_subject_of_which_an_array_was_lost_is_prepared_again(tmp_path: Path, name: str) -> None:
    subjects = [subject(tmp_path)]
    array = prepared(subjects, tmp_path / "out")["A"].folder / name
    whole = array.read_bytes()
    array.write_bytes(whole[:-10])
    prepared(subjects, tmp_path / "out")
    assert array.read_bytes() == whole
    array.unlink()
    prepared(subjects, tmp_path / "out")
    assert array.read_bytes() == whole


def test_every_bad_subject_is_named_and_the_others_are_prepared(tmp_path: Path) -> None:
    subjects = [subject(tmp_path, name, seed=n) for n, name in enumerate("ABCD")]
    for bad in (subjects[1], subjects[3]):
        Path(str(bad.volumes["t2"])).write_bytes(b"broken")
    with pytest.raises(DataError, match=r"2 of 4 subjects.*B/t2.*D/t2") as caught:
        prepared(subjects, tmp_path / "out")
    assert "--leave-out-bad" in caught.value.hint
    assert Prepared(tmp_path / "out").subjects == ["A", "C"]


def test_a_subject_prepared_in_another_set_is_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = subject(tmp_path)
    models = {"t1": Intensity(), "t2": Intensity()}

    def into(name: str, content: str, others: list[Path], spacing: float | None = None) -> Path:
        folder = tmp_path / name
        preparing.prepare(
            [one],
            models,
            ["t1"],
            spacing=spacing,
            folder=folder,
            regions={},
            content={"A": content},
            others=others,
        )
        return folder / "subjects" / "A"

    first = into("first", "x", [])
    monkeypatch.setattr(preparing, "write_arrays", lambda *_: pytest.fail("prepared again"))
    second = into("second", "x", [tmp_path / "nowhere", tmp_path / "first"])
    assert {f.name for f in first.iterdir()} == {f.name for f in second.iterdir()}
    assert (first / "mask.npy").samefile(second / "mask.npy")
    monkeypatch.undo()
    for name, content, spacing in (("content", "y", None), ("choice", "x", 2.0)):
        other = into(name, content, [tmp_path / "first"], spacing)
        assert not (first / "mask.npy").samefile(other / "mask.npy")
