from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pytest

from synthbench.api import DataError
from synthbench.api.dataset import Generated
from synthbench.volumes import hashing
from synthbench.volumes.hashing import (
    ContentIndex,
    file_digest,
    find_duplicates,
    find_leaks,
    origin_digest,
    unpacked_digests,
)
from synthbench.volumes.splitting import Split


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Files whose content was really read."""
    seen: list[Path] = []
    real = hashing.file_digest
    monkeypatch.setattr(hashing, "file_digest", lambda path: (seen.append(path), real(path))[1])
    return seen


def test_digest_is_that_of_the_bytes_and_read_once(tmp_path: Path, hashed: list[Path]) -> None:
    file = tmp_path / "a.nii.gz"
    file.write_bytes(b"volume")
    expected = hashlib.sha256(b"volume").hexdigest()
    index = ContentIndex(tmp_path / "index")
    assert index.digest(file) == index.digest(file) == expected
    assert ContentIndex(tmp_path / "index").digest(file) == expected
    assert hashed == [file]


def test_a_changed_file_is_read_again(tmp_path: Path, hashed: list[Path]) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one")
    index = ContentIndex(tmp_path / "index")
    before = index.digest(file)
    status = file.stat()
    file.write_bytes(b"two")  # same size
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert index.digest(file) != before
    assert len(hashed) == 2


def test_a_damaged_index_is_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"one")
    (tmp_path / "content.json").write_text("{half")
    assert ContentIndex(tmp_path).digest(file) == hashlib.sha256(b"one").hexdigest()
    assert list(tmp_path.iterdir()) != []
    ContentIndex(tmp_path).digest(file)


def test_two_processes_do_not_forget_each_others_files(tmp_path: Path, hashed: list[Path]) -> None:
    files = [tmp_path / "a", tmp_path / "b"]
    for file in files:
        file.write_text(file.name)
    one, other = ContentIndex(tmp_path), ContentIndex(tmp_path)
    one.digest(files[0])
    other.digest(files[1])
    hashed.clear()
    ContentIndex(tmp_path).digests(files)
    assert hashed == []


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.nii"):
        ContentIndex(tmp_path).digest(tmp_path / "nowhere.nii")
    with pytest.raises(DataError, match=r"nowhere\.nii"):
        origin_digest(None, tmp_path / "nowhere.nii")


def test_generated_volumes_are_known_by_their_key(tmp_path: Path) -> None:
    def never() -> None:
        raise AssertionError("a digest must not make the volume")

    one, same, other = (
        origin_digest(None, Generated(key, never))  # type: ignore[arg-type]
        for key in ({"seed": 1, "n": 2}, {"n": 2, "seed": 1}, {"seed": 2, "n": 2})
    )
    assert one == same != other
    assert len(one) == 64


def test_shared_volumes_are_refused_with_both_names() -> None:
    digests = {"a": ["1", "2"], "b": ["3"], "c": ["4", "1"]}
    with pytest.raises(DataError, match=r"a \(train\) and c \(test\)"):
        find_leaks(digests, Split(train=("a", "b"), test=("c",)))
    with pytest.raises(DataError, match=r"a \(validation\) and c \(test\)"):
        find_leaks(digests, Split(train=("b",), validation=("a",), test=("c",)))


def test_copies_within_one_part_are_no_leak() -> None:
    digests = {"a": ["1", "1"], "b": ["3"], "c": ["1"]}
    find_leaks(digests, Split(train=("a", "c"), test=("b",)))


def test_a_volume_in_two_patients_is_a_duplicate() -> None:
    digests = {"a": ["1", "2"], "b": ["3", "3"], "c": ["1"], "d": ["2", "1"]}
    patients = {"a": "P", "b": "b", "c": "P", "d": "d"}
    assert find_duplicates(digests, patients) == {"d": "a"}


def test_files_packed_twice_are_one_volume(tmp_path: Path) -> None:
    content = {"one": b"volume", "two": b"volume", "three": b"another", "short": b""}
    digests = {}
    for number, (name, held) in enumerate(content.items()):
        path = tmp_path / f"{name}.nii.gz"
        with path.open("wb") as file, gzip.GzipFile(name, "wb", 9, file, mtime=number) as packed:
            packed.write(held)
        digests[path] = file_digest(path)
    plain = tmp_path / "plain.nii"
    plain.write_bytes(b"volume")
    digests[plain] = file_digest(plain)
    assert len(set(digests.values())) == 5
    found = {path.name.split(".")[0]: digest for path, digest in unpacked_digests(digests).items()}
    assert found["one"] == found["two"] == found["plain"]
    assert len(set(found.values())) == 3
    assert found["three"] == digests[tmp_path / "three.nii.gz"]
    damaged = tmp_path / "two.nii.gz"
    damaged.write_bytes(b"no gzip" + damaged.read_bytes()[-8:])
    again = unpacked_digests({**digests, damaged: file_digest(damaged)})
    assert again[damaged] == file_digest(damaged)
