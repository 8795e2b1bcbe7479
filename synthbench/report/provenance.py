"""What made a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthbench.report.run_folder import RunFolder


def provenance(run: RunFolder) -> list[str]:
    """Say what made the run: command, versions, hardware; of several runs one after the other."""
    return [line for part in run.parts or (run,) for line in _made_by(part)]


def _made_by(run: RunFolder) -> list[str]:
    lines = [f"Run: {run.name}, {run.info.get('created', 'date unknown')}"]
    if run.info.get("command"):
        lines.append(f"Command: {run.info['command']}")
    versions = {"synthbench": run.info.get("synthbench_version"), **_mapping(run, "versions")}
    named = [f"{name} {value}" for name, value in versions.items() if value]
    if named:
        lines.append(f"Versions: {', '.join(named)}")
    hardware = _mapping(run, "hardware")
    if hardware:
        lines.append(f"Hardware: {_hardware(hardware)}")
    return lines


def _hardware(found: Mapping[str, Any]) -> str:
    gpus = ", ".join(found.get("gpus") or []) or "no GPU"
    return (
        f"{found.get('cpu')}, {found.get('cores')} cores, {found.get('memory_gb')} GB, {gpus}, "
        f"{found.get('system')}"
    )


def _mapping(run: RunFolder, key: str) -> dict[str, object]:
    value = run.info.get(key)
    return dict(value) if isinstance(value, dict) else {}
