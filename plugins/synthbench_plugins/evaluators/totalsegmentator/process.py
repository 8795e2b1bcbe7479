"""The program that runs TotalSegmentator; see :mod:`.service`.

Called as ``python -m synthbench_plugins.evaluators.totalsegmentator.process FOLDER``. One line of
JSON in, one out: it segments ``FOLDER/image.npy`` into ``FOLDER/classes.npy``. TotalSegmentator
spawns processes that import this module again: nothing happens on import.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def serve(work: Path) -> None:
    """Answer until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else is printed goes to the log
    segment = _prepared()
    for line in sys.stdin:
        try:
            answer = segment(json.loads(line), work)
        except Exception as error:
            import traceback

            traceback.print_exc()
            text = str(error).strip().splitlines()
            answer = {"error": f"{type(error).__name__}: {text[0] if text else ''}"}
        print(json.dumps(answer), file=answers, flush=True)


def _prepared() -> Any:
    from synthbench_plugins.optional.torchvision import ensure_torchvision

    ensure_torchvision()  # nnU-Net's search for trainers imports timm
    import nibabel as nib
    import numpy as np
    import torch
    from totalsegmentator import python_api
    from totalsegmentator.map_to_binary import class_map

    # The weights were found before; it would fetch those it misses, and delete those of old.
    python_api.download_pretrained_weights = lambda _task: None
    python_api.send_usage_stats = lambda *_: None
    device = "gpu" if torch.cuda.is_available() else "cpu"

    def segment(question: dict[str, Any], work: Path) -> dict[str, Any]:
        array = np.load(work / "image.npy", allow_pickle=False)
        image = nib.Nifti1Image(array, np.diag([*question["spacing"], 1.0]))
        found = python_api.totalsegmentator(
            image,
            None,
            task=question["task"],
            fast=question["fast"],
            ml=True,
            quiet=True,
            device=device,
            nr_thr_resamp=1,
            nr_thr_saving=1,
        )
        np.save(work / "classes.npy", np.asarray(found.dataobj).astype(np.uint8))
        return {"classes": class_map[question["task"]]}

    return segment


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
