"""Segmenters that judge what synthetic volumes are worth."""

from __future__ import annotations

from synthbench.api import SegmenterSpec, hookimpl

synthbench_api_version = "1.0"


@hookimpl
def synthbench_segmenters() -> list[SegmenterSpec]:
    """Declare the built-in segmenters."""
    return [
        SegmenterSpec(
            name="unet",
            target="synthbench_plugins.segmenters.unet:UNetSegmenter",
            summary="A light residual 3D U-Net (MONAI), trained on patches.",
            remarks="synthbench_plugins.segmenters.remarks:unet",
            presets={
                "smoke": {"steps": 20, "patch": 32, "channels": [8, 16, 32], "batch": 2},
                "quick": {"steps": 600, "patch": 48, "channels": [16, 32, 64, 128]},
            },
            citation="Kerfoot et al., Left-ventricle quantification using residual U-Net, 2019",
        ),
        SegmenterSpec(
            name="nnunet",
            target="synthbench_plugins.segmenters.nnunet:NNUNet",
            summary="nnU-Net v2: its own planning, trainer and predictor (3d_fullres).",
            preflight="synthbench_plugins.segmenters.remarks:nnunet_missing",
            remarks="synthbench_plugins.segmenters.remarks:nnunet",
            presets={
                "smoke": {"epochs": 1, "iterations": 2, "processes": 0, "mirror": False},
                "quick": {"epochs": 20, "iterations": 25},
            },
            citation="Isensee et al., nnU-Net, Nature Methods 2021",
        ),
    ]
