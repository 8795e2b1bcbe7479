"""A stage: a folder named by its key that is finished once ``done.json`` is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from synthbench.api import DataError
from synthbench.store.atomic import read_json, sweep, write_json
from synthbench.store.claims import claimed
from synthbench.store.keys import canonical, digest

StageName = Literal["prep", "train", "predict", "segment", "score"]


class StageFolder:
    """Where one stage keeps its files.

    Args:
        store: Root of the store.
        stage: Which stage.
        payload: Everything that determines the result; its digest is the folder's name.
    """

    def __init__(self, store: Path, stage: StageName, payload: Mapping[str, Any]) -> None:
        self.stage = stage
        self.payload = payload
        self.key = digest(payload)
        self.path = store / stage / self.key[:2] / self.key

    @property
    def record(self) -> dict[str, Any] | None:
        """What the finished stage recorded, or ``None`` while it is not finished.

        Raises:
            DataError: If the folder holds the result of something else (a key collision or an
                edited file): never silently reused.
        """
        record: dict[str, Any] | None = read_json(self.path / "done.json")
        if record is not None:
            self._verify()
        return record

    @property
    def begun(self) -> bool:
        """Whether an unfinished attempt left something to continue from."""
        return (self.path / "key.json").exists() and self.record is None

    def _verify(self) -> None:
        stored = read_json(self.path / "key.json")
        if stored is None or canonical(stored) != canonical(self.payload):
            raise DataError(
                f"{self.path} holds the result of something else than its key says",
                "delete that folder and run again",
            )

    def ensure(self, work: Callable[[Path], Mapping[str, Any]]) -> tuple[dict[str, Any], bool]:
        """Return the stage's record, doing the work only if nobody has done it yet.

        Args:
            work: Fills the folder and returns the JSON-able record to keep.

        Returns:
            The record, and whether the work ran now.
        """
        if (record := self.record) is not None:
            return record, False
        with claimed(self.path):
            if (record := self.record) is not None:  # another worker finished it while we waited
                return record, False
            sweep(self.path)
            if (self.path / "key.json").exists():
                self._verify()
            else:
                write_json(self.path / "key.json", self.payload)
            result = dict(work(self.path))
            write_json(self.path / "done.json", result)
            return result, True
