"""The table that says whose sessions subjects are."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthbench.api import DataError
from synthbench.execution.subjects import read_groups


def test_a_table_as_spreadsheets_save_it(tmp_path: Path) -> None:
    table = tmp_path / "groups.csv"
    table.write_text("subject,patient\na-1, A\na-2 ,A\nb,\na-1,A\n", encoding="utf-8-sig")
    assert read_groups(table) == {"a-1": "A", "a-2": "A", "b": ""}
    assert read_groups(None) is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"subject,patient\na,A\na,B\n", "subject a is of patient A and of B"),
        ("subject,patient\n\u00e4,A\n".encode("latin-1"), "cannot read groups"),
        (b"subject;patient\na;A\n", "cannot read groups"),
    ],
)
def test_a_table_that_cannot_be_trusted(tmp_path: Path, content: bytes, message: str) -> None:
    table = tmp_path / "groups.csv"
    table.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_groups(table)
    assert caught.value.hint
