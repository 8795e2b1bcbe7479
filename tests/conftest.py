"""Settings and fixtures of the whole suite."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# One thread, before anything imports numpy or torch: results do not depend on the machine's cores,
# and tests that run side by side do not fight for them.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[variable] = "1"


@pytest.fixture(scope="session")
def realset() -> Path:
    """Folder with real volumes, for tests that need them."""
    folder = os.environ.get("SYNTHBENCH_REALSET")
    if not folder:
        pytest.skip("SYNTHBENCH_REALSET does not name a folder with real volumes")
    return Path(folder)
