"""Content keys: the SHA-256 of the canonical JSON of everything that determines a result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def canonical(payload: Mapping[str, Any]) -> str:
    """Serialise a payload so that equal content gives equal text.

    Args:
        payload: JSON values only; paths, arrays and other objects are refused so that no memory
            address or machine path can slip into a key.

    Raises:
        TypeError: For values that are not JSON.
        ValueError: For NaN and infinities.
    """
    return json.dumps(
        payload, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )


def digest(payload: Mapping[str, Any]) -> str:
    """First 16 hexadecimal digits of the key of a payload."""
    return hashlib.sha256(canonical(payload).encode()).hexdigest()[:16]
