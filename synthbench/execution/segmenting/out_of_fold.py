"""Who may train and test a segmenter, so that no synthetic image shows what its generator learnt.

A generator that was trained on a patient has seen the real target it is asked to make; such an
image says little about new patients. So a segmenter learns from test volumes only:

* in a run with folds, a subject's image is the one made in the fold that tested it, and the
  segmenter of a fold learns from the subjects of all other folds;
* in a run with one split, the generator has seen none of the test subjects, and these alone are
  divided into folds once more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synthbench.api import DataError
from synthbench.api.errors import few
from synthbench.execution.cells import Cell
from synthbench.volumes.splitting import kfold

#: Folds into which the test subjects of a single split are divided, patients permitting.
INNER_FOLDS = 5
_MOST_NAMED = 5


@dataclass(frozen=True)
class Part:
    """One fold of segmenters.

    Attributes:
        fold: Its number.
        train: Subjects whose images the segmenter learns from.
        test: Subjects whose real target it segments.
    """

    fold: int
    train: tuple[str, ...]
    test: tuple[str, ...]


def divide(
    tested: Mapping[int, Sequence[str]], usable: Sequence[str], patients: Mapping[str, str]
) -> list[Part]:
    """Divide the test subjects of a run among segmenters.

    Args:
        tested: Test subjects of each fold of the run.
        usable: Those that have a label.
        patients: Patient of every subject that is not one by itself.

    Raises:
        DataError: If a patient is tested in two folds, or there are too few.
    """
    where: dict[str, int] = {}
    for fold, subjects in tested.items():
        for subject in subjects:
            patient = patients.get(subject, subject)
            if where.setdefault(patient, fold) != fold:
                raise DataError(
                    f"patient {patient} is tested in the folds {where[patient]} and {fold}: its "
                    "synthetic volumes cannot be told to be out of fold",
                    "use a run whose folds test every patient once, e.g. --folds 5",
                )
    kept = [subject for subjects in tested.values() for subject in subjects if subject in usable]
    groups = {subject: patients.get(subject, subject) for subject in kept}
    if len(set(groups.values())) < 2:
        raise DataError(
            f"{len(set(groups.values()))} test patient with a label is too few: a segmenter needs "
            "patients to learn from and others to be tested on",
            "use a run with folds (--folds 5), or test on more patients",
        )
    if len(tested) == 1:
        folds = min(INNER_FOLDS, len(set(groups.values())))
        return [Part(n, s.train, s.test) for n, s in enumerate(kfold(groups, folds, seed=0))]
    parts = []
    for fold, subjects in tested.items():
        test = tuple(subject for subject in subjects if subject in groups)
        train = tuple(subject for subject in groups if subject not in test)
        if test and train:
            parts.append(Part(fold, train, test))
    return parts


def refuse_leaks(
    cell: Cell, subjects: Sequence[str], part: Part, patients: Mapping[str, str]
) -> None:
    """Refuse images of patients that their generator was trained on.

    Args:
        cell: What made the images.
        subjects: Whose images of it a segmenter shall learn from.
        part: The segmenter's own division.
        patients: Patient of every subject that is not one by itself.

    Raises:
        DataError: Naming the subjects.
    """

    def patient(subject: str) -> str:
        return patients.get(subject, subject)

    seen = {patient(subject) for subject in (*cell.train, *cell.payloads["train"]["subjects"])}
    leaked = [subject for subject in subjects if patient(subject) in seen]
    if leaked:
        raise DataError(
            f"{cell.label} was trained on {few(leaked, _MOST_NAMED)}: synthetic volumes of "
            "training subjects may not train a segmenter",
            "use a run that tests these subjects out of fold, e.g. --folds 5",
        )
    both = {patient(s) for s in part.train} & {patient(s) for s in part.test}
    if both:
        raise DataError(
            f"patient {few(sorted(both), _MOST_NAMED)} would train and test the same segmenter",
            "check how subjects are grouped into patients (--group-file)",
        )
