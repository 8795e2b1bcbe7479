"""Versions and hardware, recorded with every result (never part of a key)."""

from __future__ import annotations

import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import psutil

from synthbench.volumes.parallel import cores

_PACKAGES = ("torch", "monai", "numpy", "scipy", "scikit-image", "nibabel", "pandas", "nilearn")
#: What only some segmenters and evaluators use; told where they are installed.
_OPTIONAL = ("nnunetv2", "TotalSegmentator", "lpips", "torchvision")


def versions() -> dict[str, str]:
    """Installed versions of what results depend on."""
    found = {"python": platform.python_version(), "synthbench": version("synthbench")}
    for name in (*_PACKAGES, *_OPTIONAL):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            if name in _PACKAGES:
                found[name] = "not installed"
    return found


def hardware() -> dict[str, Any]:
    """Processor, memory and GPUs of this machine."""
    return {
        "cpu": _processor(),
        "cores": cores(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "gpus": [name for _, name in gpus()],
        "system": f"{platform.system()} {platform.machine()}",
    }


@cache
def gpus() -> list[tuple[str, str]]:
    """UUID and name of every NVIDIA GPU, asked of the driver so that torch stays unimported."""
    try:
        listing = subprocess.run(
            ["nvidia-smi", "--query-gpu=uuid,name", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    rows = [line.split(",", 1) for line in listing.splitlines() if "," in line]
    return [(uuid.strip(), name.strip()) for uuid, name in rows]


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 - not a real file
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
