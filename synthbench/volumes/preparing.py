"""Prepare subjects side by side, each once."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from synthbench.api import DataError, Intensity
from synthbench.api.dataset import Subject
from synthbench.api.errors import few
from synthbench.store import versions
from synthbench.store.atomic import WriteError, read_json, replacing_folder, write_json
from synthbench.volumes.arrays import write_arrays
from synthbench.volumes.parallel import side_by_side
from synthbench.volumes.prepared import Prepared, PreparedSubject, subject_folder

Spacing = None | float | tuple[float, float, float]

#: Most unusable subjects whose reason is told in one message.
_MOST_TOLD = 5


def prepare(
    subjects: Sequence[Subject],
    modalities: Mapping[str, Intensity],
    source: Sequence[str],
    *,
    spacing: Spacing,
    folder: Path,
    regions: Mapping[str, Sequence[int]],
    crop: float | None = None,
    content: Mapping[str, Any] | None = None,
    others: Sequence[Path] = (),
    jobs: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Prepared:
    """Prepare subjects; those already prepared with the same choices are left as they are.

    A subject that cannot be prepared does not stop the others: all are named at the end.

    Args:
        subjects: Whom to prepare.
        modalities: The modalities to prepare, and their intensity models.
        source: Source modalities; the first one gives the native grid and the derived mask.
        spacing: Voxel size in mm, one number or one an axis; ``None`` keeps each subject's own.
        folder: Where to; see :mod:`~synthbench.volumes.prepared`.
        regions: Named sets of label values; empty makes each value found a region ``label_<v>``.
        crop: Margin in mm around the bounding box of the foreground, to which everything is cut;
            ``None`` keeps whole volumes.
        content: By subject id, what identifies the content of its volumes; needed for ``others``.
        others: Folders of other sets; a subject prepared there from the same content with the same
            choices is linked, not prepared again.
        jobs: Subjects at a time, ``None`` for one a core.
        progress: Called after each subject with (subjects done, subjects in all).

    Raises:
        DataError: If a subject lacks a modality, a volume is unusable, or volumes of a subject are
            on different grids. All other subjects are prepared then, and stay.
        WriteError: If the folder cannot be written, at once.
    """
    twice = [name for name, times in Counter(s.id for s in subjects).items() if times > 1]
    if twice:
        raise DataError(
            f"subject id {twice[0]} occurs more than once", "give every subject a name of its own"
        )

    def work(subject: Subject) -> DataError | None:
        try:
            prepare_subject(
                subject,
                modalities,
                source,
                spacing=spacing,
                folder=folder,
                regions=regions,
                crop=crop,
                content=None if content is None else content[subject.id],
                others=others,
            )
        except WriteError:
            raise
        except DataError as error:
            return error
        return None

    failed: dict[int, DataError] = {}
    for done, (position, error) in enumerate(side_by_side(work, subjects, jobs), start=1):
        if error is not None:
            failed[position] = error
        if progress is not None:
            progress(done, len(subjects))
    if failed:
        raise _all_of([failed[position] for position in sorted(failed)], len(subjects))
    return Prepared(folder)


def _all_of(errors: Sequence[DataError], subjects: int) -> DataError:
    """One error that names every subject; the error itself where there is one."""
    if len(errors) == 1:
        return errors[0]
    told = few([error.message for error in errors], _MOST_TOLD, "; ")
    return DataError(
        f"{len(errors)} of {subjects} subjects cannot be used: {told}",
        "`synthbench data check` lists what is wrong with each; `--leave-out-bad` goes on without "
        "them",
    )


def prepare_subject(
    subject: Subject,
    modalities: Mapping[str, Intensity],
    source: Sequence[str],
    *,
    spacing: Spacing,
    folder: Path,
    regions: Mapping[str, Sequence[int]],
    crop: float | None = None,
    content: Any = None,
    others: Sequence[Path] = (),
) -> None:
    """Prepare one subject, independently of all others; arguments as in :func:`prepare`."""
    size = (spacing,) * 3 if isinstance(spacing, int | float) else spacing
    target = subject_folder(folder, subject.id)
    plan: dict[str, Any] = {
        "version": versions.PREP,
        "modalities": {name: asdict(model) for name, model in modalities.items()},
        "source": list(source),
        "spacing": None if size is None else [float(s) for s in size],
        "regions": {name: [int(v) for v in values] for name, values in regions.items()},
        "patient": subject.patient,
    }
    if crop is not None:
        plan["crop"] = crop
    if content is not None:
        plan["content"] = content
    if _is_prepared(target, plan):
        return
    if content is not None:
        for other in others:
            found = subject_folder(other, subject.id)
            if _is_prepared(found, plan):
                _link(found, target)
                return
    missing = [name for name in (*source, *modalities) if name not in subject.volumes]
    if missing:
        raise DataError(
            f"subject {subject.id} has no {missing[0]}; it has {', '.join(subject.volumes)}",
            "leave the subject out, or add the file; `synthbench data check` lists all gaps",
        )
    with replacing_folder(target) as unfinished:
        record = write_arrays(subject, modalities, source[0], size, regions, crop, unfinished)
        write_json(unfinished / "subject.json", {**record, "plan": plan})


def _is_prepared(folder: Path, plan: Mapping[str, Any]) -> bool:
    try:
        record = read_json(folder / "subject.json")
    except DataError:
        return False
    # After a power failure the record may be on the disk and the arrays, which are large, not.
    return record is not None and record["plan"] == plan and PreparedSubject(folder).is_whole


def _link(found: Path, target: Path) -> None:
    """Share a subject's files between two sets: nobody ever writes into them."""
    with replacing_folder(target) as unfinished:
        for file in found.iterdir():
            try:
                (unfinished / file.name).hardlink_to(file)
            except OSError:  # a file system without hard links
                shutil.copyfile(file, unfinished / file.name)
