"""Subjects that no run can use: found before anything is prepared, and remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from synthbench.api import DataError, Intensity, Subject
from synthbench.api.errors import few
from synthbench.execution.subjects import contents, files
from synthbench.store import versions
from synthbench.store.atomic import read_json, write_json
from synthbench.store.keys import digest
from synthbench.volumes.hashing import ContentIndex, find_duplicates, unpacked_digests
from synthbench.volumes.parallel import side_by_side

_MOST_TOLD = 5
_HINT = (
    "correct or remove them (`synthbench data check` lists what is wrong), or go on without them: "
    "--leave-out-bad"
)


def sort_out(
    subjects: Sequence[Subject],
    wanted: Sequence[str],
    models: Mapping[str, Intensity],
    store: Path,
    *,
    leave_out: bool,
) -> tuple[list[Subject], dict[str, dict[str, Any]], dict[str, str]]:
    """Tell the subjects that can be used from those that cannot.

    Unless they are left out, only what costs nothing is looked at: files that are not there, and
    volumes that occur in two patients or as two modalities. All else is found when the subjects are
    prepared, before anything is trained.

    Args:
        subjects: Those that have every wanted modality.
        wanted: Modalities in use.
        models: Their intensity models.
        store: Remembers what was found, by content: a subject is read once.
        leave_out: Whether to go on without bad subjects; all are read then.

    Returns:
        The usable subjects, what identifies their content (by id), and why the others cannot be
        used (by id).

    Raises:
        DataError: If some cannot be used and are not to be left out, or none can be used.
    """
    index = ContentIndex(store)
    bad = {
        subject.id: f"{path} cannot be read"
        for subject in subjects
        for path in files(subject, wanted)
        if not path.is_file()
    }
    rest = [subject for subject in subjects if subject.id not in bad]
    content = contents(rest, wanted, index)
    if leave_out:
        faults = _Memory(store).faults(rest, wanted, models, content)
        bad |= faults
        rest = [subject for subject in rest if subject.id not in faults]
    volumes = _unpacked(rest, wanted, content)
    copies = find_duplicates(volumes, {subject.id: subject.patient for subject in rest})
    bad |= {copy: f"it holds the same volume as subject {other}" for copy, other in copies.items()}
    bad |= {
        subject: f"two of {', '.join(wanted)} are the same volume"
        for subject, held in volumes.items()
        if len(set(held)) < len(held)
    }
    rest = [subject for subject in rest if subject.id not in bad]
    if bad and not leave_out:
        raise DataError(told(bad), _HINT)
    if not rest:
        raise DataError(told(bad), "correct them; `synthbench data check` lists what is wrong")
    return rest, {subject.id: content[subject.id] for subject in rest}, bad


def _unpacked(
    subjects: Sequence[Subject], wanted: Sequence[str], content: Mapping[str, Any]
) -> dict[str, list[str]]:
    """What identifies each subject's volumes, however their files are compressed."""
    kept = {s.id: [(s.volumes[m], content[s.id]["volumes"][m]) for m in wanted] for s in subjects}
    same = unpacked_digests(
        {origin: d for pairs in kept.values() for origin, d in pairs if isinstance(origin, Path)}
    )
    return {
        subject: [same[origin] if isinstance(origin, Path) else d for origin, d in pairs]
        for subject, pairs in kept.items()
    }


def told(bad: Mapping[str, str]) -> str:
    """Name bad subjects and say why, in one line."""
    reasons = [f"{subject}: {why}" for subject, why in bad.items()]
    subjects = "1 subject" if len(bad) == 1 else f"{len(bad)} subjects"
    return f"{subjects} cannot be used: {few(reasons, _MOST_TOLD, '; ')}"


class _Memory:
    """What reading a subject's files has shown, by their content (``faults.json``)."""

    def __init__(self, store: Path) -> None:
        self._path = store / "faults.json"

    def faults(
        self,
        subjects: Sequence[Subject],
        wanted: Sequence[str],
        models: Mapping[str, Intensity],
        content: Mapping[str, Any],
    ) -> dict[str, str]:
        """Read the subjects that were never read, and say what is wrong with which."""
        from synthbench.volumes.check import check_subject

        choices = {
            "version": versions.PREP,
            "modalities": {name: asdict(models[name]) for name in wanted},
        }
        keys = {s.id: digest({**choices, "content": content[s.id]}) for s in subjects}
        known = self._known()
        # A volume made on the fly is made on purpose.
        unread = [s for s in subjects if keys[s.id] not in known and files(s, wanted)]

        def work(subject: Subject) -> str:
            only = replace(subject, volumes={name: subject.volumes[name] for name in wanted})
            return check_subject(only, models, faults_only=True).fault

        fresh = {
            keys[unread[position].id]: fault
            for position, fault in side_by_side(work, unread, jobs=None)
        }
        if fresh:
            known = {**self._known(), **fresh}
            write_json(self._path, known)
        return {s.id: known[keys[s.id]] for s in subjects if known.get(keys[s.id])}

    def _known(self) -> dict[str, str]:
        try:
            stored = read_json(self._path)
        except DataError:
            return {}  # a memory only: it is made anew
        return stored if isinstance(stored, dict) else {}
