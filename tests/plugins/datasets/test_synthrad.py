"""SynthRAD 2023 and 2025; files are empty, as listing never reads them."""

import pytest

from synthbench.api import DataError, UsageError
from synthbench_plugins.datasets.synthrad import Synthrad
from tests.plugins.datasets.trees import touch


def case(folder: str, *parts: str, suffix: str = ".nii.gz") -> list[str]:
    return [f"{folder}/{part}{suffix}" for part in parts]


@pytest.fixture
def tree(tmp_path):
    touch(
        tmp_path,
        *case("Task1/brain/1BA001", "mr", "ct", "mask"),
        *case("Task1/pelvis/1PC012", "mr", "ct", "mask"),
        *case("Task1/pelvis/1PA013", "mr", "mask"),
        *case("Task2/pelvis/2PB003", "cbct", "ct", "mask"),
        "Task1/brain/overview/1BA001_train.png",
        "Task1/pelvis/overview/1_pelvis_train.xlsx",
    )
    return tmp_path


def test_tasks_regions_and_centres(tree):
    found = {subject.id: subject for subject in Synthrad().subjects(tree)}
    assert sorted(found) == ["1BA001", "1PA013", "1PC012", "2PB003"]
    assert list(found["1PC012"].volumes) == ["mr", "ct"]
    assert list(found["2PB003"].volumes) == ["cbct", "ct"]
    assert found["2PB003"].mask == tree / "Task2/pelvis/2PB003/mask.nii.gz"
    assert [found[name].site[-1] for name in sorted(found)] == ["A", "A", "C", "B"]


def test_validation_cases_lack_their_ct(tree):
    found = {subject.id: subject for subject in Synthrad().subjects(tree)}
    assert list(found["1PA013"].volumes) == ["mr"]


@pytest.mark.parametrize(
    ("params", "ids"),
    [
        ({"task": 1}, ["1BA001", "1PA013", "1PC012"]),
        ({"task": "2"}, ["2PB003"]),
        ({"region": "pelvis"}, ["1PA013", "1PC012", "2PB003"]),
        ({"task": "1", "region": "brain"}, ["1BA001"]),
    ],
)
def test_a_part_can_be_chosen(tree, params, ids):
    assert [subject.id for subject in Synthrad(**params).subjects(tree)] == ids


def test_any_folder_on_the_way_is_the_data_folder(tree):
    assert len(Synthrad().subjects(tree / "Task1")) == 3
    assert len(Synthrad().subjects(tree / "Task1" / "pelvis")) == 2


def test_what_was_chosen_and_is_not_there_is_said(tree):
    with pytest.raises(DataError, match="no subject") as caught:
        Synthrad(task=2).subjects(tree / "Task1")
    assert "Only task=2 is read." in caught.value.hint


def test_metaimages_of_2025_are_refused_with_what_to_do(tmp_path):
    touch(tmp_path, *case("Task1/HN/1HNA001", "mr", "ct", "mask", suffix=".mha"))
    with pytest.raises(DataError, match=r"1HNA001/ct\.mha is a MetaImage") as caught:
        Synthrad().subjects(tmp_path)
    assert ".nii.gz" in caught.value.hint


def test_2025_is_read_when_converted(tmp_path):
    touch(
        tmp_path,
        *case("Task1/HN/1HNA001", "mr", "ct", "mask"),
        *case("Task1/HN/1HNA001", "mr", "ct", "mask", suffix=".mha"),
        *case("Task2/TH/2THE100", "cbct", "ct", "mask"),
    )
    first, second = Synthrad().subjects(tmp_path)
    assert (first.id, first.site, second.id, second.site) == (
        "1HNA001", "centre A", "2THE100", "centre E",
    )  # fmt: skip
    assert [subject.id for subject in Synthrad(region="TH").subjects(tmp_path)] == ["2THE100"]


@pytest.mark.parametrize("params", [{"task": 3}, {"region": "thorax"}])
def test_unknown_parts_are_refused(params):
    with pytest.raises(UsageError, match="synthrad: "):
        Synthrad(**params)
