"""Built-in datasets: a simulated brain, public sets in their own layouts, and free-form data."""

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

#: The paper with most of these sets holds out a quarter of the subjects.
_QUARTER = {"kind": "holdout", "test": 0.25}
#: Small sets, and IXI where it was first used for translation, are cross-validated.
_FIVE_FOLDS = {"kind": "kfold", "folds": 5}

_CONTRASTS = {name: _MR for name in ("t1", "t1ce", "t2", "flair")}
_FREE_FORM = {
    **{name: _MR for name in ("mr", "mri", "t1", "t1w", "t1n", "t1c", "t1ce", "t2", "t2w", "t2s")},
    **{name: _MR for name in ("t2f", "flair", "pd", "pdw", "swi")},
    **{name: _CT for name in ("ct", "cbct")},
    "pet": _PET,
}
_BIDS = ("t1", "t1ce", "t2", "flair", "pd", "t2s", "ct", "cbct", "pet")


@hookimpl
def synthbench_datasets() -> list[DatasetSpec]:
    """Declare the built-in datasets."""
    return [
        DatasetSpec(
            name="phantom",
            target="synthbench_plugins.datasets.phantom.dataset:Phantom",
            summary="Simulated brains with tumours, or pelves: MR, CT and CBCT, made on the fly.",
            code_version=phantom.CODE_VERSION,
            requires=("nilearn",),
            modalities={**_CONTRASTS, "mr": _MR, "ct": _CT, "cbct": _CT},
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
            split=_QUARTER,
            licence="BraTS data-use terms of the year (registration).",
            obtain="Register at synapse.org (2023: syn51156910) and unpack the training data.",
            citation="B. H. Menze et al., IEEE Trans. Med. Imaging 34 (2015) 1993-2024.",
            exportable=True,
        ),
        DatasetSpec(
            name="hcp",
            target="synthbench_plugins.datasets.hcp:Hcp",
            summary="HCP1200: T1 and T2 of about 1,100 healthy young adults, many of them related.",
            modalities={"t1": _MR, "t2": _MR},
            tasks=(
                Task(source=("t1",), target="t2"),
                Task(source=("t2",), target="t1"),
            ),
            split=_QUARTER,
            licence="WU-Minn HCP open access data-use terms; family ids: restricted access terms.",
            obtain="Register at db.humanconnectome.org: HCP1200, structural preprocessed packages.",
            citation="D. C. Van Essen et al., NeuroImage 80 (2013) 62-79.",
            exportable=True,
        ),
        DatasetSpec(
            name="dhcp",
            target="synthbench_plugins.datasets.dhcp:Dhcp",
            summary="The developing HCP: T2, mostly T1, and tissue labels of newborns.",
            modalities={"t2": _MR, "t1": _MR},
            tasks=(
                Task(source=("t2",), target="t1"),
                Task(source=("t1",), target="t2"),
            ),
            split=_QUARTER,
            licence="dHCP data-use terms (registration).",
            obtain="Register at developingconnectome.org; derivatives of the structural pipeline.",
            citation="A. Makropoulos et al., NeuroImage 173 (2018) 88-112.",
            exportable=True,
        ),
        DatasetSpec(
            name="synthrad",
            target="synthbench_plugins.datasets.synthrad:Synthrad",
            summary="SynthRAD2023: MR or cone-beam CT to CT, of brain and pelvis, three centres.",
            modalities={"mr": _MR, "cbct": _CT, "ct": _CT},
            tasks=(
                Task(source=("mr",), target="ct"),
                Task(source=("cbct",), target="ct"),
            ),
            split=_QUARTER,
            licence="CC BY-NC 4.0.",
            obtain="Download Task1.zip and Task2.zip of Zenodo record 7260705 and unpack them.",
            citation="A. Thummerer et al., Med. Phys. 50 (2023) 4664-4674.",
            exportable=True,
        ),
        DatasetSpec(
            name="ixi",
            target="synthbench_plugins.datasets.ixi:Ixi",
            summary="IXI: T2 and PD on one grid (T1 and MRA are not) of 600 healthy adults.",
            modalities={name: _MR for name in ("t2", "pd", "t1", "mra")},
            tasks=(
                Task(source=("pd",), target="t2"),
                Task(source=("t2",), target="pd"),
            ),
            split=_FIVE_FOLDS,
            licence="CC BY-SA 3.0.",
            obtain="Get IXI-T2.tar and IXI-PD.tar at brain-development.org and unpack both.",
            citation="IXI dataset, brain-development.org (EPSRC GR/S21533/02).",
            exportable=True,
        ),
        DatasetSpec(
            name="lpba40",
            target="synthbench_plugins.datasets.lpba40:Lpba40",
            summary="LPBA40: T1 of 40 healthy adults with 56 structures; one modality, no pairs.",
            modalities={"t1": _MR},
            licence="LONI terms: research use (registration).",
            obtain="Register at loni.usc.edu (atlases, LPBA40) and unpack the subjects.",
            citation="D. W. Shattuck et al., NeuroImage 39 (2008) 1064-1080.",
            exportable=True,
        ),
        DatasetSpec(
            name="open_ms",
            target="synthbench_plugins.datasets.open_ms:OpenMs",
            summary="Ljubljana multiple sclerosis: T1, T1ce, T2, FLAIR and lesions; once or twice.",
            modalities={name: _MR for name in ("flair", "t1", "t1ce", "t2")},
            tasks=(
                Task(source=("t2",), target="flair"),
                Task(source=("t1",), target="t2"),
            ),
            split=_FIVE_FOLDS,
            licence="CC BY (version not stated).",
            obtain="Clone github.com/muschellij2/open_ms_data (several GB).",
            citation="Z. Lesjak et al., Neuroinformatics 16 (2018) 51-63; 14 (2016) 403-420.",
            exportable=True,
        ),
        DatasetSpec(
            name="bids",
            target="synthbench_plugins.datasets.bids:Bids",
            summary="Any BIDS data set: T1w, T2w, FLAIR, PDw, CT, PET; raw or derivatives.",
            modalities={name: _FREE_FORM[name] for name in _BIDS},
            licence="That of your data.",
            obtain="Your own data, or e.g. a data set of openneuro.org.",
            citation="K. J. Gorgolewski et al., Sci. Data 3 (2016) 160044.",
            exportable=True,
        ),
        DatasetSpec(
            name="folder",
            target="synthbench_plugins.datasets.folder:Folder",
            summary="Any NIfTI volumes: one folder a subject, or a manifest.csv.",
            modalities=_FREE_FORM,
            default_intensity=_MR,
            licence="That of your data.",
            obtain="Arrange your own volumes as <subject>/<subject>_<modality>.nii.gz.",
            exportable=True,
        ),
    ]
