"""nnU-Net v2 as it is: its own experiment planning, trainer and predictor.

It keeps its settings in environment variables and spawns processes that import the main program
again, so it runs in a process of its own (:mod:`~synthbench_plugins.segmenters.nnunet.process`).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from synthbench.api import Scan, Segmenter, SegmenterProgress, SegmenterSetting
from synthbench_plugins.optional import child
from synthbench_plugins.segmenters.budgets import EPOCHS, ITERATIONS, VALIDATION

_PROCESS = "synthbench_plugins.segmenters.nnunet.process"
_DATASET = "Dataset501_synthbench"


class NNUNet(Segmenter):
    """nnU-Net's 3d_fullres configuration, trained on all training scans (fold ``all``).

    Images of a modality in HU are normalised as nnU-Net normalises CT, others by z-score. nnU-Net
    is not deterministic by design; only its generators are seeded.

    Args:
        setting: What it is built for.
        epochs: Training epochs.
        iterations: Training iterations an epoch.
        validation: Validation iterations an epoch, on training scans: they choose nothing.
        processes: Processes that augment; ``None`` leaves it to nnU-Net, 0 augments in its own.
        mirror: Whether images are segmented mirrored as well (test-time augmentation).
    """

    def __init__(
        self,
        setting: SegmenterSetting,
        epochs: int = EPOCHS,
        iterations: int = ITERATIONS,
        validation: int | None = None,
        processes: int | None = None,
        mirror: bool = True,
    ) -> None:
        super().__init__(setting)
        shortened = max(1, VALIDATION * iterations // ITERATIONS)
        self._job = {
            "seed": setting.seed,
            "epochs": epochs,
            "iterations": iterations,
            "validation": shortened if validation is None else validation,
            "processes": processes,
            "mirror": mirror,
        }

    def fit(self, scans: Sequence[Scan], folder: Path, progress: SegmenterProgress) -> None:
        """Plan, preprocess and train; an interrupted training continues from its checkpoint."""
        written = folder / "written.json"
        if not written.is_file():
            self._write(scans, folder / "raw" / _DATASET)
            written.write_text(json.dumps(self._job), encoding="utf-8")
        self._run("fit", folder, progress)

    def segment(self, scans: Iterable[Scan], folder: Path) -> Iterator[npt.NDArray[np.uint8]]:
        """Predict with nnU-Net's own predictor; see the base class."""
        images = folder / "test"
        shutil.rmtree(images, ignore_errors=True)
        images.mkdir()
        spacings = []
        for number, scan in enumerate(scans):
            np.save(images / f"{number}.npy", np.asarray(scan.image, dtype=np.float32))
            spacings.append([float(side) for side in scan.spacing])
        (images / "spacings.json").write_text(json.dumps(spacings), encoding="utf-8")
        self._run("segment", folder, lambda _: None)
        for number in range(len(spacings)):
            yield np.load(images / f"{number}_classes.npy", allow_pickle=False)

    def _run(self, what: str, folder: Path, progress: SegmenterProgress) -> None:
        def poll() -> None:
            told = folder / "progress.txt"
            if told.is_file() and (text := told.read_text(encoding="utf-8")):
                progress(float(text))

        (folder / "job.json").write_text(json.dumps(self._job), encoding="utf-8")
        changes = {
            "nnUNet_raw": str(folder / "raw"),
            "nnUNet_preprocessed": str(folder / "preprocessed"),
            "nnUNet_results": str(folder / "results"),
            "nnUNet_def_n_proc": "1",
        }
        log = folder.parent / "nnunet.log"
        child.run(_PROCESS, [what, str(folder)], changes=changes, log=log, poll=poll)

    def _write(self, scans: Sequence[Scan], folder: Path) -> None:
        """Write the training scans in nnU-Net's layout."""
        import nibabel as nib

        shutil.rmtree(folder, ignore_errors=True)
        for name in ("imagesTr", "labelsTr"):
            (folder / name).mkdir(parents=True)
        for number, scan in enumerate(scans):
            assert scan.label is not None
            affine = np.diag([*scan.spacing, 1.0])
            image = nib.Nifti1Image(np.asarray(scan.image, dtype=np.float32), affine)
            nib.save(image, folder / "imagesTr" / f"case_{number:04d}_0000.nii")
            nib.save(
                nib.Nifti1Image(scan.label, affine), folder / "labelsTr" / f"case_{number:04d}.nii"
            )
        labels = {"background": 0} | {f"class {n}": n for n in range(1, self.setting.classes + 1)}
        facts = {
            "channel_names": {"0": "CT" if self.setting.unit == "HU" else "MR"},
            "labels": labels,
            "numTraining": len(scans),
            "file_ending": ".nii",
        }
        (folder / "dataset.json").write_text(json.dumps(facts), encoding="utf-8")
