import pytest
import torch

from synthbench.api.recipe import Inference
from synthbench.inference.window import SlidingWindow, clip


class Recorder:
    """A network that answers with its input and remembers the shapes it saw."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, volume: torch.Tensor) -> torch.Tensor:
        self.shapes.append(tuple(volume.shape[2:]))
        return volume[:, :1]


@pytest.mark.parametrize("shape", [(20, 33, 17), (8, 8, 8), (5, 40, 9), (16, 16, 16)])
@pytest.mark.parametrize("blend", ["gaussian", "constant"])
@pytest.mark.parametrize("overlap", [0.0, 0.5])
def test_a_network_that_changes_nothing_gives_the_volume_back(
    shape: tuple[int, int, int], blend: str, overlap: float
) -> None:
    volume = torch.rand(1, 2, *shape)
    inference = Inference.model_validate({"blend": blend, "overlap": overlap, "batch": 3})
    network = Recorder()
    result = SlidingWindow(inference, (16, 16, 16), 4, -1.0)(network, volume)
    assert torch.allclose(result, volume[:, :1], atol=1e-6)
    assert set(network.shapes) == {(16, 16, 16)}


def test_a_whole_volume_is_padded_to_what_the_network_needs() -> None:
    volume = torch.rand(1, 1, 9, 16, 5)
    network = Recorder()
    seen: list[float] = []

    def watching(padded: torch.Tensor) -> torch.Tensor:
        seen.append(float(padded[0, 0, 0, 0, 0]))
        return network(padded)

    result = SlidingWindow(Inference(), None, (8, 8, 4), -1.0)(watching, volume)
    assert network.shapes == [(16, 16, 8)]
    assert seen == [-1.0]  # background, not zero
    assert torch.equal(result, volume)


def test_slices_stay_one_voxel_thick_and_do_not_overlap() -> None:
    volume = torch.rand(1, 1, 12, 10, 7)
    network = Recorder()
    result = SlidingWindow(Inference(batch=1), (0, 0, 1), 4, 0.0)(network, volume)
    assert torch.allclose(result, volume)
    assert network.shapes == [(12, 12, 1)] * 7


def test_an_own_window_wins_over_the_patch() -> None:
    network = Recorder()
    SlidingWindow(Inference(window=(8, 8, 8)), (16, 16, 16), 1, 0.0)(
        network, torch.rand(1, 1, 8, 8, 16)
    )
    assert set(network.shapes) == {(8, 8, 8)}


def test_an_own_window_shrinks_to_the_volume_and_the_patch_does_not() -> None:
    volume = torch.rand(1, 1, 10, 7, 40)
    for inference, expected in (
        (Inference(window=(16, 16, 16), overlap=0.0), {(12, 8, 16)}),
        (Inference(overlap=0.0), {(16, 16, 16)}),
    ):
        network = Recorder()
        result = SlidingWindow(inference, (16, 16, 16), 4, 0.0)(network, volume)
        assert set(network.shapes) == expected
        assert torch.allclose(result, volume, atol=1e-6)


def test_results_are_clipped_and_mapped_to_the_unit_range() -> None:
    image = torch.tensor([-3.0, -1.0, 0.0, 1.0, 9.0])
    assert clip(image, (-1.0, 1.0)).tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]


@pytest.mark.parametrize("shape", [(16, 40, 9), (33, 16, 20), (47, 9, 16)])
def test_seams_are_where_windows_meet(shape: tuple[int, int, int]) -> None:
    inference = Inference.model_validate({"overlap": 0.0, "blend": "constant", "batch": 1})
    window = SlidingWindow(inference, (16, 16, 16), 4, 0.0)
    calls = iter(range(1, 1000))

    def network(volume: torch.Tensor) -> torch.Tensor:
        return torch.full_like(volume, float(next(calls)) ** 2)

    result = window(network, torch.zeros(1, 1, *shape))[0, 0]
    for axis, seams in enumerate(window.seams(shape)):
        jumps = result.diff(dim=axis).abs().movedim(axis, 0).flatten(1).sum(dim=1)
        assert seams == (torch.nonzero(jumps).flatten() + 1).tolist()


def test_seams_with_overlap_and_without_windows() -> None:
    half = Inference.model_validate({"overlap": 0.5, "window": (16, 1, 0)})
    window = SlidingWindow(half, (64, 64, 64), 1, 0.0)
    assert window.seams((32, 20, 20)) == [[8, 16, 24], [], []]
    assert window.seams((12, 20, 20)) == [[], [], []]
