"""Volumes as stacks of slices."""

from __future__ import annotations

import pytest
import torch

from synthbench.api import UsageError, fold_slices, slice_axis, unfold_slices


def test_slices_lie_across_the_thin_axis():
    assert slice_axis((16, 1, 16)) == 1
    assert slice_axis((16, 1, 16), 2) == 2
    assert slice_axis((16, 16, 16)) == slice_axis(None) == 2
    assert slice_axis((1, 16, 1)) == 2
    with pytest.raises(UsageError, match="no axis 3"):
        slice_axis(None, 3)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_folding_keeps_every_slice_whole(axis):
    volume = torch.rand(2, 3, 4, 5, 6)
    slices = fold_slices(volume, axis)
    depth = volume.shape[2 + axis]
    assert torch.equal(slices[depth + 2], volume[1].select(1 + axis, 2))
    assert torch.equal(unfold_slices(slices, axis, 2), volume)
