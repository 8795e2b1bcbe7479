"""Peak memory of a stage, of the process and of the GPU."""

from __future__ import annotations

import contextlib
import re
import resource
import sys
from pathlib import Path
from typing import Any

_PROCESS = Path("/proc/self")
#: What the kernel takes as "forget the peak", see proc_pid_clear_refs(5).
_FORGET_PEAK = "5"


def forget_peaks() -> None:
    """Start measuring: what was used before does not count.

    Where the system cannot forget the peak of a process (anything but Linux), it is that since the
    process began.
    """
    with contextlib.suppress(OSError):
        (_PROCESS / "clear_refs").write_text(_FORGET_PEAK, encoding="ascii")
    if (torch := _torch_with_gpu()) is not None:
        torch.cuda.reset_peak_memory_stats()


def peaks(*, children: bool = False) -> dict[str, float]:
    """Peak memory since :func:`forget_peaks`, MB (10^6 bytes).

    Args:
        children: Whether the largest process that this one started and that has ended counts too,
            for work that is done in one; what was held on the GPU there is not known.

    Returns:
        ``peak_rss_mb`` of the process; ``peak_vram_mb``, what torch held on the GPU, where there is
        one.
    """
    largest = max(_resident(), _usage(resource.RUSAGE_CHILDREN) if children else 0)
    found = {"peak_rss_mb": round(largest / 1e6, 1)}
    if (torch := _torch_with_gpu()) is not None:
        found["peak_vram_mb"] = round(torch.cuda.max_memory_allocated() / 1e6, 1)
    return found


def _resident() -> int:
    try:
        status = (_PROCESS / "status").read_text(encoding="ascii", errors="replace")
    except OSError:
        status = ""
    if (line := re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)) is not None:
        return int(line[1]) * 1024
    return _usage(resource.RUSAGE_SELF)


def _usage(whose: int) -> int:
    peak = resource.getrusage(whose).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _torch_with_gpu() -> Any:
    torch = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_available() else None
