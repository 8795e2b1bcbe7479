"""What scores cost: synthbench's kernels against scikit-image, MONAI and torchmetrics.

Same volumes, same definitions, one process; the contenders take turns. synthbench scores the whole
volume, a mask and three label regions in each call, the others the whole volume alone.

    OMP_NUM_THREADS=2 python -m benchmarks.speed.metric_kernels [--rounds 3] [--shape 176,180,184]
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping

import click
import numpy as np
import numpy.typing as npt
import torch
from skimage.metrics import structural_similarity

from benchmarks.speed.timing import installed, interleaved, machine, table
from synthbench_plugins.evaluators.kernels import UNIFORM7, errors, ms_ssim, ssim
from synthbench_plugins.optional.torchvision import ensure_torchvision

Array = npt.NDArray[np.float32]
Contenders = Mapping[str, Callable[[], float]]

SHAPES = ("176,180,184", "240,240,155")
#: Sides from which on eleven taps fit at the coarsest of five scales.
_MULTISCALE_SIDE = 176
_OURS = "synthbench, 5 regions"


def make_pair(shape: tuple[int, ...]) -> tuple[Array, Array, dict[str, npt.NDArray[np.bool_]]]:
    """A textured ellipsoid, a blurred and noisy version, and a mask with three regions in it."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    radius = (x / 0.75) ** 2 + (y / 0.9) ** 2 + (z / 0.8) ** 2
    mask = radius < 1
    texture = 0.55 + 0.2 * np.sin(9 * z + 1) * np.cos(7 * y) * np.sin(8 * x) + 0.1 * np.cos(90 * x)
    target = np.where(mask, texture, 0)
    noise = 0.02 * np.random.default_rng(0).standard_normal(shape)
    prediction = np.clip(np.where(mask, 0.9 * texture - 0.05 * np.cos(90 * x), 0) + noise, 0, 1)
    regions = {
        "mask": mask,
        "core": radius < 0.05,
        "ring": (radius > 0.05) & (radius < 0.1),
        "half": mask & (x > 0),
    }
    return prediction.astype(np.float32), target.astype(np.float32), regions


def similarity(
    prediction: Array, target: Array, masks: dict[str, npt.NDArray[np.bool_]]
) -> Contenders:
    """Gaussian SSIM, 11 taps."""
    from monai.metrics.regression import SSIMMetric

    pair = [torch.from_numpy(image)[None, None] for image in (prediction, target)]
    monai = SSIMMetric(spatial_dims=3, data_range=1.0)
    found: dict[str, Callable[[], float]] = {
        _OURS: lambda: ssim(prediction, target, {"whole": None, **masks})["whole"].value,
        "scikit-image, full=True": lambda: scikit_image(prediction, target, gaussian=True),
        "MONAI": lambda: float(monai(*pair)),
    }
    if importlib.util.find_spec("torchmetrics"):
        ensure_torchvision()  # torchmetrics imports it
        from torchmetrics.functional.image import structural_similarity_index_measure

        found["torchmetrics"] = lambda: float(
            structural_similarity_index_measure(*pair, data_range=1.0)
        )
    return found


def uniform(
    prediction: Array, target: Array, masks: dict[str, npt.NDArray[np.bool_]]
) -> Contenders:
    """Uniform SSIM, 7 taps."""
    regions = {"whole": None, **masks}
    return {
        _OURS: lambda: ssim(prediction, target, regions, window=UNIFORM7)["whole"].value,
        "scikit-image, full=True": lambda: scikit_image(prediction, target, gaussian=False),
    }


def multiscale(prediction: Array, target: Array) -> Contenders:
    """MS-SSIM, five scales."""
    from monai.metrics.regression import MultiScaleSSIMMetric

    pair = [torch.from_numpy(image)[None, None] for image in (prediction, target)]
    monai = MultiScaleSSIMMetric(spatial_dims=3, data_range=1.0)
    return {
        "synthbench": lambda: ms_ssim(prediction, target),
        "MONAI": lambda: float(monai(*pair)),
    }


def voxelwise(
    prediction: Array, target: Array, masks: dict[str, npt.NDArray[np.bool_]]
) -> Contenders:
    """MAE, MSE, PSNR and the NMSE."""
    from skimage.metrics import peak_signal_noise_ratio

    regions = {"whole": None, **masks}
    return {
        _OURS: lambda: errors(prediction, target, regions)["whole"].psnr(1.0),
        "scikit-image, PSNR alone": lambda: float(
            peak_signal_noise_ratio(
                target.astype(np.float64), prediction.astype(np.float64), data_range=1.0
            )
        ),
    }


def scikit_image(prediction: Array, target: Array, *, gaussian: bool) -> float:
    """The same definition; in float64, as synthbench computes."""
    images = target.astype(np.float64), prediction.astype(np.float64)
    chosen = (
        {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False} if gaussian else {}
    )
    value, _ = structural_similarity(*images, data_range=1.0, full=True, **chosen)
    return float(value)


def measure(name: str, contenders: Contenders, rounds: int) -> list[tuple[object, ...]]:
    """Rows of the table: time and value, relative to the first contender."""
    values = {label: run() for label, run in contenders.items()}
    seconds = interleaved(contenders, rounds)
    first = next(iter(contenders))
    return [
        (
            name,
            label,
            f"{seconds[label] / seconds[first]:.2f}",
            f"{values[label]:.6f}",
            f"{abs(values[label] - values[first]):.1e}",
        )
        for label in contenders
    ]


@click.command()
@click.option("--rounds", default=3, show_default=True)
@click.option("--shape", "shapes", multiple=True, default=SHAPES, show_default=True)
def main(rounds: int, shapes: tuple[str, ...]) -> None:
    """Print one table a shape."""
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    print(f"Medians of {rounds} interleaved rounds.\n{machine()}\n{installed('torchmetrics')}")
    header = ("metric", "library", "time, relative", "value", "difference")
    for text in shapes:
        shape = tuple(int(side) for side in text.split(","))
        prediction, target, masks = make_pair(shape)
        rows = measure("SSIM, Gaussian", similarity(prediction, target, masks), rounds)
        rows += measure("SSIM, uniform 7", uniform(prediction, target, masks), rounds)
        rows += measure("voxel-wise errors", voxelwise(prediction, target, masks), rounds)
        if min(shape) >= _MULTISCALE_SIDE:
            rows += measure("MS-SSIM", multiscale(prediction, target), rounds)
        print(f"\n{'x'.join(map(str, shape))}\n\n{table(header, rows)}")


if __name__ == "__main__":
    main()
