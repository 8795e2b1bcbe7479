"""The program that runs nnU-Net; see :class:`~synthbench_plugins.segmenters.nnunet.NNUNet`.

Called as ``python -m synthbench_plugins.segmenters.nnunet.process fit|segment FOLDER`` with
nnU-Net's folders in the environment. nnU-Net spawns processes that import this module again:
nothing happens on import.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

_NUMBER = 501
_CONFIGURATION = "3d_fullres"
_FOLD = "all"


def fit(folder: Path) -> None:
    """Plan and preprocess, unless that is done, and train."""
    import random

    import numpy as np
    import torch
    from nnunetv2.experiment_planning.plan_and_preprocess_api import (
        extract_fingerprints,
        plan_experiments,
        preprocess,
    )
    from nnunetv2.run.run_training import get_trainer_from_args, maybe_load_checkpoint

    job = _job(folder)
    planned = folder / "planned"
    if not planned.exists():
        extract_fingerprints([_NUMBER], num_processes=1, verbose=False, show_progress_bar=False)
        plan_experiments([_NUMBER])
        preprocess(
            [_NUMBER],
            configurations=(_CONFIGURATION,),
            num_processes=(1,),
            show_progress_bar=False,
        )
        planned.touch()
    if job["processes"] is not None:  # only now: planning fails with none
        os.environ["nnUNet_n_proc_DA"] = str(job["processes"])  # noqa: SIM112 - its name
    random.seed(job["seed"])
    np.random.seed(job["seed"])
    torch.manual_seed(job["seed"])
    resumed = any((folder / "results").rglob("checkpoint_*.pth"))
    trainer = get_trainer_from_args(
        str(_NUMBER), _CONFIGURATION, _FOLD, continue_training=resumed, device=_device()
    )
    trainer.num_epochs = job["epochs"]
    trainer.num_iterations_per_epoch = job["iterations"]
    trainer.num_val_iterations_per_epoch = job["validation"]
    maybe_load_checkpoint(trainer, resumed, False)
    keep_whole_checkpoints(trainer)
    ended = trainer.on_epoch_end

    def tell() -> None:
        ended()
        (folder / "progress.txt").write_text(str(trainer.current_epoch / job["epochs"]))

    trainer.on_epoch_end = tell
    trainer.run_training()  # without nnU-Net's final validation: with fold `all` it tests nothing


def keep_whole_checkpoints(trainer: Any) -> None:
    """Let a checkpoint take the place of an older one only when it is written to its end.

    nnU-Net writes over the older one; stopped meanwhile it could not be continued from either.
    """
    save = trainer.save_checkpoint

    def saved(name: str) -> None:
        unfinished = f"{name}.part"
        save(unfinished)
        Path(unfinished).replace(name)

    trainer.save_checkpoint = saved


def segment(folder: Path) -> None:
    """Segment the scans in ``test/``."""
    import numpy as np
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    device = _device()
    predictor = nnUNetPredictor(
        use_mirroring=_job(folder)["mirror"],
        perform_everything_on_device=device.type == "cuda",
        device=device,
        allow_tqdm=False,
    )
    model = next((folder / "results").glob(f"*/*__{_CONFIGURATION}"))
    predictor.initialize_from_trained_model_folder(
        str(model), use_folds=(_FOLD,), checkpoint_name="checkpoint_final.pth"
    )
    spacings = json.loads((folder / "test" / "spacings.json").read_text(encoding="utf-8"))
    for number, spacing in enumerate(spacings):
        image = np.load(folder / "test" / f"{number}.npy", allow_pickle=False)
        # nnU-Net's readers hand on (z, y, x), so the network has learnt from that.
        found = predictor.predict_single_npy_array(
            np.ascontiguousarray(image.T)[None], {"spacing": spacing[::-1]}, None, None, False
        )
        np.save(folder / "test" / f"{number}_classes.npy", found.T.astype(np.uint8))


def _job(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    return found


def _device() -> Any:
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def main(what: str, folder: Path) -> None:
    """Do one of the two."""
    from synthbench_plugins.optional.torchvision import ensure_torchvision

    ensure_torchvision()  # nnU-Net's search for trainers imports timm
    {"fit": fit, "segment": segment}[what](folder)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
