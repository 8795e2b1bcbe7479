"""SynthRAD, the synthetic-CT challenges of 2023 and 2025."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from synthbench.api import DataError, Dataset, Subject, UsageError
from synthbench_plugins.datasets.files import image_file, listed, present

Task = Literal["all", "1", "2"]
Region = Literal["all", "brain", "pelvis", "HN", "AB", "TH"]

#: Letters of a case id: 1BA001 (2023), 1ABA001 (2025).
_REGIONS = {"B": "brain", "P": "pelvis", "HN": "HN", "AB": "AB", "TH": "TH"}
_CASE = re.compile(r"^(?P<task>[12])(?P<region>B|P|HN|AB|TH)(?P<centre>[A-E])\d{3,}$")
_MODALITIES = ("mr", "cbct", "ct")
#: <root>/Task1/pelvis/<case>, and one folder around it.
_DEPTH = 4

_LAYOUT = (
    "Expected Task{1,2}/{brain,pelvis}/<case>/{mr or cbct,ct,mask}.nii.gz with cases named like "
    "1PA001, or any folder within that holds cases."
)


class Synthrad(Dataset):
    """SynthRAD2023: MR or cone-beam CT to CT, of the brain and the pelvis.

    ```
    Task1/{brain,pelvis}/1PA001/mr.nii.gz        Task2/{brain,pelvis}/2PA001/cbct.nii.gz
                                ct.nii.gz                                    ct.nii.gz
                                mask.nii.gz                                  mask.nii.gz
    ```

    A case is named by task (1: MR, 2: CBCT), region (B, P), centre (A, B, C; the subject's `site`)
    and number. Any folder on the way can be the data folder, e.g. `Task1/pelvis`. Folders with
    other names (`overview`) are skipped. A case may lack its CT, as those of the validation and
    test sets do.

    CT and CBCT are in HU, rigidly registered, on one grid per case: 1 mm for the brain, 1 x 1 x 2.5
    mm for the pelvis. The mask is the dilated outline of the patient; outside it MR is 0 and CT
    -1000, so it serves as the foreground.

    **SynthRAD2025** (`Task{1,2}/{HN,AB,TH}/1ABA001`, centres A to E) comes as MetaImage (`.mha`),
    which is not read: convert the files to `.nii.gz` beside the originals and it is read like 2023.

    Args:
        task: `1` (MR), `2` (CBCT) or `all`.
        region: `brain`, `pelvis` (2023); `HN`, `AB`, `TH` (2025); or `all`.

    Raises:
        UsageError: If a parameter is none of these.
    """

    def __init__(self, task: Task | int = "all", region: Region = "all") -> None:
        if str(task) not in ("all", "1", "2"):
            raise UsageError(f"synthrad: task={task!r}", "Choose 1, 2 or all.")
        if region not in ("all", *_REGIONS.values()):
            raise UsageError(
                f"synthrad: region={region!r}", f"Choose all, {', '.join(_REGIONS.values())}."
            )
        self.task = str(task)
        self.region = region

    def subjects(self, root: Path | None) -> list[Subject]:
        """List the cases, sorted by id.

        Raises:
            DataError: If the folder holds none of the chosen, or MetaImages.
        """
        return listed("synthrad", root, self._layout(), self._read, _DEPTH)

    def example_id(self, number: int) -> str:
        """Name a case; where both tasks are read, they alternate, and so do the centres."""
        task = self.task if self.task != "all" else "12"[number % 2]
        region = {name: letters for letters, name in _REGIONS.items()}.get(self.region, "P")
        return f"{task}{region}{'ABC'[number % 3]}{number + 1:03d}"

    def place(self, subject: str, what: str) -> Path | None:
        """Say where a file lies; cases of task 1 have no CBCT, those of task 2 no MR."""
        case = _CASE.match(subject)
        absent = "cbct" if case and case["task"] == "1" else "mr"
        if case is None or what == absent or what not in (*_MODALITIES, "mask"):
            return None
        region = _REGIONS[case["region"]]
        return Path(f"Task{case['task']}", region, subject, f"{what}.nii.gz")

    def _layout(self) -> str:
        chosen = [f"task={self.task}"] if self.task != "all" else []
        chosen += [f"region={self.region}"] if self.region != "all" else []
        return f"{_LAYOUT} Only {' and '.join(chosen)} is read." if chosen else _LAYOUT

    def _read(self, folder: Path) -> Iterator[Subject]:
        case = _CASE.match(folder.name)
        if (
            case is None
            or self.task not in ("all", case["task"])
            or self.region not in ("all", _REGIONS[case["region"]])
        ):
            return
        volumes = present({name: image_file(folder / name) for name in _MODALITIES})
        if volumes:
            mask = image_file(folder / "mask")
            yield Subject(folder.name, volumes, mask=mask, site=f"centre {case['centre']}")
        elif found := sorted(folder.glob("*.mha")):
            raise DataError(
                f"synthrad: {found[0]} is a MetaImage, as SynthRAD2025 is released",
                "Convert the .mha files to .nii.gz beside them, e.g. with SimpleITK: "
                "sitk.WriteImage(sitk.ReadImage('ct.mha'), 'ct.nii.gz').",
            )
