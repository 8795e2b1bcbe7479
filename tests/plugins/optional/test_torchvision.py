"""torchvision beside a torch without CUDA."""

from __future__ import annotations

import subprocess
import sys

_SCRIPT = """
import sys
from synthbench_plugins.optional.torchvision import ensure_torchvision
ensure_torchvision()
ensure_torchvision()
import torch, torchvision
network = torchvision.models.alexnet(weights=None).features
print(tuple(network(torch.zeros(1, 3, 64, 64)).shape))
"""


def test_torchvision_can_be_imported_and_used():
    # In a process of its own: what is declared stays declared.
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True)
    assert done.stdout == "(1, 256, 1, 1)\n", done.stderr


def test_without_torchvision_nothing_happens(monkeypatch):
    from synthbench_plugins.optional import torchvision

    monkeypatch.setattr(torchvision.importlib.util, "find_spec", lambda name: None)
    before = torchvision._declared
    torchvision.ensure_torchvision()
    assert torchvision._declared is before
