"""The cascade's geometry: frames, patches, their context, and stitching."""

from __future__ import annotations

import pytest
import torch

from synthbench_plugins.edge_cascade.geometry import (
    Frame,
    aligned,
    body,
    context_start,
    draw_starts,
    positions,
    starts,
)
from synthbench_plugins.edge_cascade.stitching import Stitcher

BACKGROUND = -1.0


def ramp(side):
    """Voxel index along x, shape (1, 1, side, side, side)."""
    return torch.arange(side, dtype=torch.float32).view(1, 1, side, 1, 1).expand(1, 1, *[side] * 3)


def whole(*sides):
    """A frame of a volume that is foreground everywhere."""
    return Frame.of(torch.ones(1, 1, *sides), BACKGROUND)


def test_frame_is_the_foregrounds_box_with_a_margin():
    image = torch.full((1, 1, 30, 20, 25), BACKGROUND)
    image[:, :, 10:15, 2:6, 20:24] = 0.5
    frame = Frame.of(image, BACKGROUND)
    assert (frame.low, frame.high) == ((7, 0, 17), (18, 9, 25))
    assert frame.extent == 11
    empty = Frame.of(torch.full((1, 1, 6, 5, 4), BACKGROUND), BACKGROUND)
    assert (empty.low, empty.high) == ((0, 0, 0), (6, 5, 4))


@pytest.mark.parametrize("start", [0, 20, 96])
def test_context_of_a_patch_in_voxels_of_the_scale_below(start):
    """Side 128: the middle of the context is what the patch covers; -1 outside the cube."""
    (first, _, _) = context_start((start, 0, 0), 32)
    assert first == {0: -8, 20: 2, 96: 40}[start]
    context = whole(64, 64, 64).cut(ramp(64), 64, (first, 16, 16), 32, BACKGROUND)[0, 0]
    line = context[:, 5, 5]
    assert line[8:24].tolist() == pytest.approx(range(start // 2, start // 2 + 16), abs=1e-4)
    for i, place in enumerate(range(first, first + 32)):
        assert line[i].item() == pytest.approx(place if 0 <= place < 64 else BACKGROUND, abs=1e-4)


def test_odd_starts_lose_half_a_voxel_of_the_scale_below():
    assert context_start((21, 5, 0), 32) == (2, -6, -8)


def test_aligned_context_has_the_patchs_voxels():
    start = (20, 36, 8)
    fine = torch.nn.functional.interpolate(ramp(32), scale_factor=2.0, mode="trilinear")
    context = whole(32, 32, 32).cut(ramp(32), 32, context_start(start, 16), 16, BACKGROUND)
    patch = fine[0, 0, 20:36, 40, 12]
    # The outermost voxels have no neighbour in the middle of the context.
    torch.testing.assert_close(aligned(context)[0, 0, 1:-1, 8, 8], patch[1:-1], atol=1e-4, rtol=0)


def test_a_cube_is_resized_corner_to_corner_and_never_stretched():
    frame = whole(17, 9, 17)
    volume = torch.rand(1, 1, 17, 9, 17)
    cube = frame.cube(volume, 33, BACKGROUND)[0, 0]
    torch.testing.assert_close(cube[::2, 8:25:2, ::2], volume[0, 0], atol=1e-5, rtol=1e-5)
    assert (cube[:, :7] == BACKGROUND).all()
    assert (cube[:, 26:] == BACKGROUND).all()
    resized = torch.nn.functional.interpolate(
        volume, size=(33, 17, 33), mode="trilinear", align_corners=True
    )
    torch.testing.assert_close(cube[:, 8:25], resized[0, 0], atol=1e-5, rtol=1e-5)


def test_a_patch_is_a_part_of_the_cube():
    image = torch.full((1, 1, 21, 30, 17), BACKGROUND)
    image[:, :, 4:18, 3:29, 2:13] = torch.rand(14, 26, 11)
    frame = Frame.of(image, BACKGROUND)
    cube = frame.cube(image, 40, BACKGROUND)
    patch = frame.cut(image, 40, (3, 17, 24), 16, BACKGROUND)
    torch.testing.assert_close(patch, cube[:, :, 3:19, 17:33, 24:40])
    assert cube.min() == BACKGROUND


@pytest.mark.parametrize("sides", [(12, 20, 16), (20, 20, 20), (5, 20, 1)])
def test_restoring_a_cube_gives_the_volume_back(sides):
    """Exactly where the cube's voxels are the volume's own."""
    volume = torch.rand(1, 1, *sides)
    frame = Frame.of(volume, BACKGROUND)
    restored = frame.restore(frame.cube(volume, 20, BACKGROUND), BACKGROUND)
    torch.testing.assert_close(restored, volume, atol=1e-5, rtol=1e-5)


def test_background_is_restored_as_background():
    image = torch.full((1, 1, 24, 24, 24), BACKGROUND)
    image[:, :, 10:14, 9:15, 8:16] = 0.3
    frame = Frame.of(image, BACKGROUND)
    restored = frame.restore(torch.zeros(1, 1, 8, 8, 8), BACKGROUND)
    assert restored.shape == image.shape
    box = (slice(None), slice(None), slice(7, 17), slice(6, 18), slice(5, 19))
    assert (restored[box] == 0).all()
    assert (restored == 0).sum() == restored[box].numel()


def test_patches_lie_in_the_cube_with_foreground_in_their_middle():
    torch.manual_seed(0)
    image = torch.full((1, 1, 40, 30, 20), BACKGROUND)
    image[:, :, 5:35, 5:25, 5:9] = 0.1
    image[:, :, 20, 15, 14:18] = 0.1
    frame = Frame.of(image, BACKGROUND)
    cube = frame.cube(image, 72, BACKGROUND)[0, 0]
    drawn = draw_starts(frame, image, 72, 16, 200)
    assert len(drawn) == 200
    assert len(set(drawn)) > 150
    assert all(0 <= first <= 72 - 16 for start in drawn for first in start)
    centres = [tuple(slice(first + 6, first + 10) for first in start) for start in drawn]
    assert all((cube[centre] > BACKGROUND).any() for centre in centres)
    assert len({start[0] for start in drawn}) > 40


def test_patches_are_drawn_without_any_foreground():
    image = torch.full((1, 1, 20, 20, 20), BACKGROUND)
    drawn = draw_starts(Frame.of(image, BACKGROUND), image, 20, 8, 5)
    assert len(drawn) == 5


def test_a_patch_as_large_as_the_cube_has_one_place():
    image = torch.ones(1, 1, 9, 9, 9)
    assert draw_starts(Frame.of(image, BACKGROUND), image, 16, 16, 3) == [(0, 0, 0)] * 3


@pytest.mark.parametrize(
    ("side", "expected", "count"),
    [
        (64, [0, 20, 32], 27),
        (128, [0, 20, 40, 60, 80, 96], 216),
        (256, [*range(0, 221, 20), 224], 2197),
    ],
)
def test_published_patch_positions(side, expected, count):
    assert starts(side, 32, 6) == expected
    assert len(list(positions(side, 32, 6))) == count


def stitched(volume, patch, crop, spoil=None):
    side = volume.shape[-1]
    stitcher = Stitcher(starts(side, patch, crop), patch, crop)
    for start in positions(side, patch, crop):
        x, y, z = (slice(first, first + patch) for first in start)
        part = volume[0, 0, x, y, z].clone()
        if spoil is not None:
            spoil(part)
        stitcher.add(start, part)
    return stitcher.result()


@pytest.mark.parametrize(
    ("side", "patch", "crop"), [(64, 32, 6), (50, 32, 6), (32, 32, 6), (48, 16, 3), (40, 16, 0)]
)
def test_true_patches_give_the_volume_back(side, patch, crop):
    volume = torch.rand(1, 1, side, side, side)
    torch.testing.assert_close(stitched(volume, patch, crop), volume)


def test_the_faces_of_patches_are_not_used_inside_the_volume():
    volume = torch.rand(1, 1, 48, 48, 48)

    def spoil(part):
        part[:3], part[:, :3], part[:, :, :3] = 9.0, 9.0, 9.0

    result = stitched(volume, 16, 3, spoil)
    inner = (slice(None), slice(None), *[slice(3, 45)] * 3)
    torch.testing.assert_close(result[inner], volume[inner])
    assert (result[:, :, 0] > 1).all()


def test_without_a_crop_overlaps_are_averaged():
    stitcher = Stitcher([0, 2], patch=4, crop=0)
    for number, start in enumerate(positions(6, 4, 1)):
        stitcher.add(start, torch.full((4, 4, 4), float(number)))
    result = stitcher.result()[0, 0]
    assert result[0, 0, 0] == 0
    assert result[0, 0, 3] == 0.5
    assert result[3, 3, 3] == 3.5


def test_the_body_has_no_holes_and_no_background():
    image = torch.full((1, 1, 12, 12, 12), BACKGROUND)
    image[:, :, 2:10, 3:9, 4:9] = 0.2
    whole_body = image > BACKGROUND
    image[:, :, 5, 5, 6] = BACKGROUND
    assert torch.equal(body(image, BACKGROUND), whole_body)
