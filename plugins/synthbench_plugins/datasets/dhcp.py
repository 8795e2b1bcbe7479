"""The developing Human Connectome Project: newborns, structural pipeline, as released."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from synthbench.api import Dataset, Subject
from synthbench_plugins.datasets.bids_names import sessions
from synthbench_plugins.datasets.files import image_file, listed, present

#: What follows ``sub-.._ses-.._`` in the second, third and first release.
_NAMES = {
    "t2": ("desc-restore_T2w", "T2w_restore"),
    "t1": ("desc-restore_space-T2w_T1w", "desc-restore_T1w", "T1w_restore"),
    "label": ("desc-drawem9_space-T2w_dseg", "desc-drawem9_dseg", "drawem_tissue_labels"),
    "mask": (
        "desc-drawem_space-T2w_brainmask",
        "desc-bet_space-T2w_brainmask",
        "desc-brain_mask",
        "brainmask_drawem",
        "brainmask_bet",
    ),
}
#: Twins are called A and B of one number: CC00087AN14, CC00087BN14.
_PREGNANCY = re.compile(r"^sub-(CC\d{5})")

_LAYOUT = (
    "Expected sub-<id>/ses-<id>/anat/sub-<id>_ses-<id>_desc-restore_{T2w,space-T2w_T1w}.nii.gz: "
    "the derivatives of the structural pipeline."
)


class Dhcp(Dataset):
    """Newborns of the dHCP, after its structural pipeline: 0.5 mm, T1w resampled to the T2w.

    The data folder is that of the pipeline (`derivatives/dhcp_anat_pipeline`; `derivatives` in the
    first release).

    ```
    sub-CC00103XX04/ses-35300/anat/
        sub-CC00103XX04_ses-35300_desc-restore_T2w.nii.gz
        sub-CC00103XX04_ses-35300_desc-restore_space-T2w_T1w.nii.gz
        sub-CC00103XX04_ses-35300_desc-drawem_space-T2w_brainmask.nii.gz
        sub-CC00103XX04_ses-35300_desc-drawem9_space-T2w_dseg.nii.gz

    third release               first release
        desc-restore_T2w            T2w_restore
        desc-restore_T1w            T1w_restore
        desc-brain_mask             brainmask_drawem
        desc-drawem9_dseg           drawem_tissue_labels
    ```

    A session is a subject. Many sessions have no T1w: they lack `t1` and are left out of tasks with
    it. Sessions of a child stay together in a split, and so do twins, which share the number in
    `CC00087AN14` and `CC00087BN14`. The mask is that of the brain (Draw-EM's, else BET's); the
    label has Draw-EM's nine tissues, whose background (4) is no region.
    """

    regions: Mapping[str, tuple[int, ...]] = {
        "csf": (1,),
        "cortical_grey": (2,),
        "white_matter": (3,),
        "ventricles": (5,),
        "cerebellum": (6,),
        "deep_grey": (7,),
        "brainstem": (8,),
        "hippocampi_amygdalae": (9,),
    }

    def subjects(self, root: Path | None) -> list[Subject]:
        """List the sessions, sorted by id.

        Raises:
            DataError: If the folder holds none.
        """
        return listed("dhcp", root, _LAYOUT, _read, depth=1)

    def example_id(self, number: int) -> str:
        """Name a session."""
        return f"sub-CC{number:05d}XX00_ses-{10000 + number}"

    def place(self, subject: str, what: str) -> Path | None:
        """Say where a file lies, in the layout of the second release."""
        if what not in _NAMES:
            return None
        child, session = subject.split("_")
        return Path(child, session, "anat", f"{subject}_{_NAMES[what][0]}.nii.gz")


def _read(folder: Path) -> Iterator[Subject]:
    for name, session in sessions(folder):
        files = present({what: _first(session / "anat", name, what) for what in _NAMES})
        label, mask = files.pop("label", None), files.pop("mask", None)
        if files:
            number = _PREGNANCY.match(folder.name)
            group = number[1] if number else folder.name
            yield Subject(id=name, volumes=files, label=label, mask=mask, group=group)


def _first(folder: Path, name: str, what: str) -> Path | None:
    found = (image_file(folder / f"{name}_{end}") for end in _NAMES[what])
    return next((path for path in found if path is not None), None)
