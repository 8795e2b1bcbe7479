from __future__ import annotations

from pathlib import Path

import pytest

from synthbench.api import DataError, DatasetSpec, UsageError
from synthbench.data_roots import config_file, find_root, resolve_root
from synthbench.registry import Entry, Registry


class _Knows(Registry):
    """Stands for plugins that know where everything is."""

    def __init__(self, answer: Path | None) -> None:
        super().__init__([])
        self.answer = answer

    def locate_data(self, dataset_id: str) -> Path | None:
        return self.answer


def dataset(**fields: object) -> Entry:
    spec = DatasetSpec(name="brats", target="a:B", summary="", obtain="Ask its authors.", **fields)
    return Entry("datasets", "core/brats", spec, "core", "datasets")


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SYNTHBENCH_DATA", raising=False)
    monkeypatch.setenv("SYNTHBENCH_CONFIG", str(tmp_path / "config.yaml"))
    return tmp_path


def test_each_source_yields_to_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("option", "variable/brats", "configured", "hook"):
        (tmp_path / name).mkdir(parents=True)
    registry = _Knows(tmp_path / "hook")
    assert resolve_root(dataset(), None, registry) == tmp_path / "hook"
    config_file().write_text(f"data: {{brats: {tmp_path / 'configured'}}}\n")
    assert resolve_root(dataset(), None, registry) == tmp_path / "configured"
    monkeypatch.setenv("SYNTHBENCH_DATA", str(tmp_path / "variable"))
    assert resolve_root(dataset(), None, registry) == tmp_path / "variable" / "brats"
    assert resolve_root(dataset(), tmp_path / "option", registry) == tmp_path / "option"


def test_nowhere_to_be_found_says_how_to_get_it_and_names_phantom() -> None:
    with pytest.raises(DataError, match="no folder is known for dataset core/brats") as error:
        resolve_root(dataset(), None, _Knows(None))
    assert error.value.hint.startswith("Ask its authors; then pass --data-root")
    assert "--dataset phantom" in error.value.hint
    assert find_root(dataset(), _Knows(None)) is None


def test_a_dataset_without_a_folder_needs_and_takes_none(tmp_path: Path) -> None:
    made_up = dataset(needs_root=False)
    assert resolve_root(made_up, None, _Knows(tmp_path)) is None
    with pytest.raises(UsageError, match="reads no folder"):
        resolve_root(made_up, tmp_path, _Knows(None))


def test_a_folder_that_is_not_there_names_it_and_who_said_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone does not exist") as error:
        resolve_root(dataset(), tmp_path / "gone", _Knows(None))
    assert "--data-root" in error.value.hint
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(DataError, match="file is not a folder") as error:
        resolve_root(dataset(), None, _Knows(file))
    assert "a plugin" in error.value.hint


@pytest.mark.parametrize("text", ["data: [1, 2]", "just text", "data: {brats: [", "data: brats"])
def test_a_configuration_that_makes_no_sense_names_the_file(text: str) -> None:
    config_file().write_text(text)
    with pytest.raises(UsageError, match=r"config\.yaml"):
        resolve_root(dataset(), None, _Knows(None))


@pytest.mark.parametrize("text", ["", "data:\n", "other: 1\n", "data: {synthrad: /x}\n"])
def test_a_configuration_that_says_nothing_is_fine(text: str) -> None:
    config_file().write_text(text)
    assert find_root(dataset(), _Knows(None)) is None


def test_the_configuration_follows_the_desktop_convention(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SYNTHBENCH_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config_file() == tmp_path / "synthbench" / "config.yaml"
