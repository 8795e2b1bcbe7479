"""Built-in datasets: a simulated brain, BraTS, and free-form folders."""

from __future__ import annotations

from synthbench.api import DatasetSpec, Intensity, Task, hookimpl
from synthbench_plugins.datasets import phantom

synthbench_api_version = "1.0"

# The minimum is background; the maximum of an MR volume is often a single bright vessel or artefact
# that would squeeze the brain into a few grey values, so the top 0.1 percent is clipped.
_MR = Intensity(kind="percentile", low=0.0, high=99.9)
_CT = Intensity(kind="window", low=-1024.0, high=3000.0, unit="HU")
# Few voxels are hot, and those matter most.
_PET = Intensity(kind="percentile", low=0.0, high=99.99)

_CONTRASTS = {name: _MR for name in ("t1", "t1ce", "t2", "flair")}
_FREE_FORM = {
    **{name: _MR for name in ("mr", "mri", "t1", "t1w", "t1n", "t1c", "t1ce", "t2", "t2w", "t2s")},
    **{name: _MR for name in ("t2f", "flair", "pd", "pdw", "swi")},
    **{name: _CT for name in ("ct", "cbct")},
    "pet": _PET,
}


@hookimpl
def synthbench_datasets() -> list[DatasetSpec]:
    """Declare the built-in datasets."""
    return [
        DatasetSpec(
            name="phantom",
            target="synthbench_plugins.datasets.phantom.dataset:Phantom",
            summary="Simulated brains with tumours: T1, T1ce, T2, FLAIR and CT, made on the fly.",
            code_version=phantom.CODE_VERSION,
            requires=("nilearn",),
            modalities={**_CONTRASTS, "ct": _CT},
            tasks=(
                Task(source=("t1",), target="t2"),
                Task(source=("t2",), target="flair"),
                Task(source=("t1",), target="ct"),
            ),
            needs_root=False,
            licence="Generated; its anatomy comes from the ICBM 2009a template in nilearn.",
            obtain="Nothing to get: it is made on the fly.",
            presets={
                "smoke": {"subjects": 8, "spacing": 4.0},
                "quick": {"subjects": 16, "spacing": 3.0},
            },
            citation="V. Fonov et al., NeuroImage 47 (2009) S102 (ICBM 2009 templates).",
        ),
        DatasetSpec(
            name="brats",
            target="synthbench_plugins.datasets.brats:Brats",
            summary="BraTS since 2018, or data in its layout: T1, T1ce, T2, FLAIR and labels.",
            modalities=_CONTRASTS,
            tasks=(
                Task(source=("t2",), target="flair"),
                Task(source=("t1",), target="t2"),
            ),
            licence="BraTS data-use terms of the year (registration).",
            obtain="Register at synapse.org (2023: syn51156910) and unpack the training data.",
            citation="B. H. Menze et al., IEEE Trans. Med. Imaging 34 (2015) 1993-2024.",
        ),
        DatasetSpec(
            name="folder",
            target="synthbench_plugins.datasets.folder:Folder",
            summary="Any NIfTI volumes: one folder a subject, or a manifest.csv.",
            modalities=_FREE_FORM,
            default_intensity=_MR,
            licence="That of your data.",
            obtain="Arrange your own volumes as <subject>/<subject>_<modality>.nii.gz.",
        ),
    ]
