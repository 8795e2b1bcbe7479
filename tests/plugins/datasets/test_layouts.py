"""Every reader on a tree in its layout: as it should be, spoilt, and where it is not."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from synthbench.api import DataError, Dataset, DatasetSpec
from synthbench.execution.planning import make_plan
from synthbench.registry import load_registry
from synthbench.suite import make_suite
from synthbench.volumes.check import check
from synthbench.volumes.preparing import prepare
from synthbench_plugins import datasets
from tests.plugins.datasets import trees

SPECS = {spec.name: spec for spec in datasets.synthbench_datasets() if spec.exportable}

#: Name, parameters, and what is listed with them: modalities, other parts, site and group of the
#: first subject.
CASES: list[tuple[str, dict[str, Any], str, str, str, str]] = [
    ("brats", {}, "flair t1 t1ce t2", "label mask", "", "BraTS2021_00000"),
    ("hcp", {}, "t1 t2", "mask", "", "100000"),
    ("hcp", {"space": "MNINonLinear"}, "t1 t2", "mask", "", "100000"),
    ("hcp", {"skull_stripped": False}, "t1 t2", "", "", "100000"),
    ("dhcp", {}, "t1 t2", "label mask", "", "CC00000"),
    ("synthrad", {}, "ct mr", "mask", "centre A", "1PA001"),
    ("synthrad", {"task": 1, "region": "brain"}, "ct mr", "mask", "centre A", "1BA001"),
    ("synthrad", {"task": "2", "region": "pelvis"}, "cbct ct", "mask", "centre A", "2PA001"),
    ("synthrad", {"task": 1, "region": "TH"}, "ct mr", "mask", "centre A", "1THA001"),
    ("ixi", {}, "pd t2", "", "Guys", "IXI002"),
    ("ixi", {"registered": True}, "mra pd t1 t2", "", "Guys", "IXI002"),
    ("lpba40", {}, "t1", "label", "", "S01"),
    ("lpba40", {"space": "native"}, "t1", "mask", "", "S01"),
    ("open_ms", {}, "flair t1 t1ce t2", "label mask", "", "patient01"),
    ("open_ms", {"processing": "MNI"}, "flair t1 t1ce t2", "label", "", "patient01"),
    ("open_ms", {"subset": "longitudinal"}, "flair t1 t2", "label mask", "", "patient01"),
    ("bids", {}, "cbct ct flair pd pet t1 t1ce t2 t2s", "label mask", "", "sub-001"),
    ("folder", {}, "ct t1 t2", "label mask", "", "subject-000"),
]
#: Trees that another reader reads rightly: the layouts are the same, or one is a case of the other.
SAME_LAYOUT = {("brats", "folder"), ("folder", "brats"), ("bids", "dhcp")}

each_case = pytest.mark.parametrize(
    ("name", "params", "listed", "parts", "site", "group"),
    CASES,
    ids=["-".join([name, *map(str, params.values())]) for name, params, *_ in CASES],
)
each_reader = pytest.mark.parametrize("name", SPECS)


def build(name: str, params: dict[str, Any] | None = None) -> Dataset:
    module, target = SPECS[name].target.split(":")
    reader: Dataset = getattr(import_module(module), target)(**(params or {}))
    return reader


def modalities(name: str) -> list[str]:
    spec: DatasetSpec = SPECS[name]
    return ["t1", "t2", "ct"] if name == "folder" else list(spec.modalities)


def touch(root: Path, name: str, count: int = 3) -> None:
    """The tree of a dataset, of empty files."""
    reader = build(name)
    for subject in map(reader.example_id, range(count)):
        places = [reader.place(subject, what) for what in (*modalities(name), "label", "mask")]
        trees.touch(root, *filter(None, places))


def test_every_exportable_dataset_is_tried() -> None:
    assert {name for name, *_ in CASES} == set(SPECS)


@each_case
def test_a_tree_that_is_right(tmp_path, name, params, listed, parts, site, group):
    reader = build(name, params)
    ids = trees.write(tmp_path, reader, modalities(name), 3)
    found = reader.subjects(tmp_path)
    assert [subject.id for subject in found] == sorted(ids)
    first = next(subject for subject in found if subject.id == ids[0])
    for what, origin in first.volumes.items():
        assert origin == tmp_path / reader.place(first.id, what)
    assert " ".join(sorted(first.volumes)) == listed
    assert first.label == (tmp_path / reader.place(ids[0], "label") if "label" in parts else None)
    assert first.mask == (tmp_path / reader.place(ids[0], "mask") if "mask" in parts else None)
    assert (first.site, first.patient) == (site, group)
    assert len({subject.patient for subject in found}) == 3
    wrong = [finding for one in check(found) for finding in one.findings]
    assert [finding.message for finding in wrong if finding.severity == "error"] == []


@each_case
def test_a_spoilt_tree_names_every_subject(tmp_path, name, params, listed, parts, site, group):
    reader = build(name, params)
    trees.write(tmp_path, reader, modalities(name), 9)
    ids = [reader.example_id(number) for number in range(0, 9, 2)]  # of one task, in synthrad
    wanted = listed.split()
    first, last = wanted[0], wanted[-1]
    if last != first:
        trees.remove(tmp_path / reader.place(ids[0], last))
    # Where there is one modality only, its label or mask lies on another grid.
    trees.regrid(tmp_path / reader.place(ids[1], last if last != first else parts))
    trees.truncate(tmp_path / reader.place(ids[2], first))
    copy = trees.duplicate(tmp_path, reader, modalities(name), 6, 10)
    checks = {one.id: one for one in check(reader.subjects(tmp_path))}
    messages = {i: " ".join(f.message for f in one.findings) for i, one in checks.items()}
    if last != first:
        assert f"subject {ids[0]} has no {last}" in messages[ids[0]]
    assert f"subject {ids[1]} " in messages[ids[1]]
    assert "is not on the grid of" in messages[ids[1]]
    assert f"{first} of subject {ids[2]} " in messages[ids[2]]
    assert "damaged" in messages[ids[2]]
    assert f"of subject {copy} " in messages[copy] + messages[ids[3]]
    assert "is the same volume as" in messages[copy] + messages[ids[3]]
    broken = {i for i, one in checks.items() if not one.usable}
    assert broken - {copy, ids[3]} == {ids[1], ids[2]}
    assert len(broken) == 3
    assert checks[ids[4]].usable


@each_reader
def test_an_empty_folder_says_what_is_expected(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=f"{name}: no subject in ") as caught:
        build(name).subjects(tmp_path / "empty")
    assert caught.value.hint.startswith("Expected ")


@each_reader
@pytest.mark.parametrize("root", ["nowhere", None])
def test_no_folder_at_all(tmp_path, name, root):
    with pytest.raises(DataError, match="is not a folder"):
        build(name).subjects(root and tmp_path / root)


@each_reader
def test_the_tree_of_another_dataset_is_refused(tmp_path, name):
    for other in SPECS.keys() - {name}:
        touch(tmp_path / other, other)
        if (name, other) in SAME_LAYOUT:
            assert len(build(name).subjects(tmp_path / other)) == 3
            continue
        with pytest.raises(DataError) as caught:
            build(name).subjects(tmp_path / other)
        assert "Expected" in caught.value.hint, (name, other)


@each_reader
def test_a_folder_too_high_is_read_or_the_right_one_is_named(tmp_path, name):
    root = tmp_path / "a" / "b" / "data"
    touch(root, name)
    expected = [subject.id for subject in build(name).subjects(root)]
    try:
        found = build(name).subjects(root.parent)
    except DataError as error:
        assert f"Give {root} as the data folder." in error.hint
    else:
        assert [subject.id for subject in found] == expected


@each_reader
def test_a_folder_too_low_names_the_right_one(tmp_path, name):
    touch(tmp_path, name)
    everything = build(name).subjects(tmp_path)
    inner = next(iter(everything[0].volumes.values())).parent
    with pytest.raises(DataError) as caught:
        build(name).subjects(inner)
    meant = caught.value.hint.partition("Give ")[2].partition(" as the data folder.")[0]
    assert inner.is_relative_to(meant)
    listed = {subject.id for subject in build(name).subjects(Path(meant))}
    assert everything[0].id in listed
    assert len(listed) > 1


@pytest.mark.parametrize("name", ["synthrad", "bids", "folder"])
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (trees.store_from_zero, "the rescale intercept (usually -1024) was not applied"),
        (trees.divide_by_1000, "cannot be HU"),
    ],
)
def test_wrong_hounsfield_units_are_named_and_refused_or_left_out(tmp_path, name, spoil, reason):
    root, reader = tmp_path / "data", build(name)
    trees.write(root, reader, modalities(name), 10)
    wrong = reader.example_id(4)
    path = root / reader.place(wrong, "ct")
    spoil(path)
    before = path.read_bytes()
    checks = {one.id: one for one in check(reader.subjects(root), SPECS[name].intensities(["ct"]))}
    assert [name for name, one in checks.items() if not one.usable] == [wrong]
    (finding,) = [each for each in checks[wrong].findings if each.severity == "error"]
    assert str(path) in finding.message and reason in finding.message

    source = "mr" if name == "synthrad" else "t1"
    data = {"name": name, "root": root, "tasks": [f"{source} -> ct"]}
    suite = {"methods": ["identity"], "datasets": [data], "preset": "smoke"}
    plan = make_plan(
        load_registry(), make_suite({**suite, "unusable": "leave_out"}), tmp_path / "store"
    )
    assert [left["subject"] for left in plan.left_out if reason in left["reason"]] == [wrong]
    # Without that option a run stops where it prepares.
    subject = next(each for each in reader.subjects(root) if each.id == wrong)
    models, folder = SPECS[name].intensities([source, "ct"]), tmp_path / "prepared"
    with pytest.raises(DataError) as caught:
        prepare([subject], models, [source], spacing=None, folder=folder, regions={})
    assert str(path) in caught.value.message and reason in caught.value.message
    assert path.read_bytes() == before
