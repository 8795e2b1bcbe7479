"""TotalSegmentator models with random weights, laid out as TotalSegmentator keeps them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from dynamic_network_architectures.architectures.unet import PlainConvUNet
from totalsegmentator.map_tasks_config import TASK_CONFIGS, TASK_ID_WEIGHTS_CONFIGS
from totalsegmentator.map_to_binary import class_map

_STAGES = 3
_CONV = "torch.nn.modules.conv.Conv3d"
_NORM = "torch.nn.modules.instancenorm.InstanceNorm3d"
_ACTIVATION = "torch.nn.LeakyReLU"
_PATCH = [32, 32, 32]


def _architecture() -> dict[str, Any]:
    return {
        "n_stages": _STAGES,
        "features_per_stage": [4, 8, 8],
        "conv_op": _CONV,
        "kernel_sizes": [[3, 3, 3]] * _STAGES,
        "strides": [[1, 1, 1], *[[2, 2, 2]] * (_STAGES - 1)],
        "n_conv_per_stage": [1] * _STAGES,
        "n_conv_per_stage_decoder": [1] * (_STAGES - 1),
        "conv_bias": True,
        "norm_op": _NORM,
        "norm_op_kwargs": {"eps": 1e-05, "affine": True},
        "dropout_op": None,
        "dropout_op_kwargs": None,
        "nonlin": _ACTIVATION,
        "nonlin_kwargs": {"inplace": True},
    }


def _plans(name: str, spacing: float) -> dict[str, Any]:
    resampling = {"is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None}
    return {
        "dataset_name": name,
        "plans_name": "nnUNetPlans",
        "original_median_spacing_after_transp": [spacing] * 3,
        "original_median_shape_after_transp": _PATCH,
        "image_reader_writer": "NibabelIOWithReorient",
        "transpose_forward": [0, 1, 2],
        "transpose_backward": [0, 1, 2],
        "experiment_planner_used": "ExperimentPlanner",
        "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {
            "0": {
                "max": 1000.0,
                "mean": 0.0,
                "median": 0.0,
                "min": -1000.0,
                "percentile_00_5": -900.0,
                "percentile_99_5": 900.0,
                "std": 400.0,
            }
        },
        "configurations": {
            "3d_fullres": {
                "data_identifier": "nnUNetPlans_3d_fullres",
                "preprocessor_name": "DefaultPreprocessor",
                "batch_size": 2,
                "patch_size": _PATCH,
                "median_image_size_in_voxels": _PATCH,
                "spacing": [spacing] * 3,
                "normalization_schemes": ["ZScoreNormalization"],
                "use_mask_for_norm": [False],
                "resampling_fn_data": "resample_data_or_seg_to_shape",
                "resampling_fn_seg": "resample_data_or_seg_to_shape",
                "resampling_fn_data_kwargs": resampling,
                "resampling_fn_seg_kwargs": {**resampling, "is_seg": True},
                "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
                "resampling_fn_probabilities_kwargs": resampling,
                "architecture": {
                    "network_class_name": (
                        "dynamic_network_architectures.architectures.unet.PlainConvUNet"
                    ),
                    "arch_kwargs": _architecture(),
                    "_kw_requires_import": ["conv_op", "norm_op", "dropout_op", "nonlin"],
                },
                "batch_dice": True,
            }
        },
    }


def write(weights: Path, task: str) -> Path:
    """Write the 3 mm model of a task; the same weights every time.

    Args:
        weights: What ``TOTALSEG_WEIGHTS_PATH`` will name.
        task: ``total`` or ``total_mr``.

    Returns:
        The model's folder.
    """
    mode: Any = TASK_CONFIGS[task]["sub_modes"]["fast"]
    name = TASK_ID_WEIGHTS_CONFIGS[mode["task_id"]]["foldername"]
    folder = weights / name / f"{mode['trainer']}__nnUNetPlans__3d_fullres"
    (folder / "fold_0").mkdir(parents=True)
    labels = {"background": 0, **{label: number for number, label in class_map[task].items()}}
    dataset = {"channel_names": {"0": "CT"}, "labels": labels, "numTraining": 1}
    dataset["file_ending"] = ".nii.gz"
    (folder / "dataset.json").write_text(json.dumps(dataset))
    (folder / "plans.json").write_text(json.dumps(_plans(name, mode["resample"])))
    kinds = {"conv_op": torch.nn.Conv3d, "norm_op": torch.nn.InstanceNorm3d}
    kinds["nonlin"] = torch.nn.LeakyReLU
    torch.manual_seed(0)
    network = PlainConvUNet(1, num_classes=len(labels), **(_architecture() | kinds))
    # As PlainConvUNet would be drawn by chance, one class wins everywhere: spread them.
    for parameter in network.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    checkpoint = {
        "network_weights": network.state_dict(),
        "trainer_name": mode["trainer"],
        "init_args": {"configuration": "3d_fullres"},
        "inference_allowed_mirroring_axes": None,
    }
    torch.save(checkpoint, folder / "fold_0" / "checkpoint_final.pth")
    return folder
