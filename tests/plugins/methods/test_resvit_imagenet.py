"""ImageNet weights: where they are looked for, and where each array goes."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from synthbench.api import DataError, Setting
from synthbench_plugins.resvit.generator import ResViT2D
from synthbench_plugins.resvit.pretrained import names, preflight, remarks

LAYERS, HIDDEN, HEADS, CHANNELS = 2, 12, 3, 4
PARAMS = {"channels": CHANNELS, "hidden": HIDDEN, "layers": LAYERS, "heads": HEADS}


def arrays(side=3):
    """A Vision Transformer's archive in miniature, with shapes as in the published one."""
    random = np.random.default_rng(0)
    wide = 4 * HIDDEN
    shapes = {
        "embedding/kernel": (1, 1, 16 * CHANNELS, HIDDEN),
        "Transformer/posembed_input/pos_embedding": (1, 1 + side**2, HIDDEN),
        "conv_root/kernel": (7, 7, 3, 8),
    }
    for layer in range(LAYERS):
        block = f"Transformer/encoderblock_{layer}"
        for part in ("query", "key", "value"):
            attention = f"{block}/MultiHeadDotProductAttention_1/{part}"
            shapes[f"{attention}/kernel"] = (HIDDEN, HEADS, HIDDEN // HEADS)
            shapes[f"{attention}/bias"] = (HEADS, HIDDEN // HEADS)
        shapes[f"{block}/MultiHeadDotProductAttention_1/out/kernel"] = (
            HEADS,
            HIDDEN // HEADS,
            HIDDEN,
        )
        shapes[f"{block}/MlpBlock_3/Dense_0/kernel"] = (HIDDEN, wide)
        shapes[f"{block}/MlpBlock_3/Dense_0/bias"] = (wide,)
        shapes[f"{block}/MlpBlock_3/Dense_1/kernel"] = (wide, HIDDEN)
    found = {name: random.standard_normal(shape, np.float32) for name, shape in shapes.items()}
    for name in names(LAYERS):
        if name not in found:  # norms, and biases as wide as a token
            found[name] = random.standard_normal(HIDDEN, np.float32)
    return found


@pytest.fixture
def archive(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    path = folder / "small.npz"
    np.savez(path, **arrays())
    return path


def network(patch=(64, 64, 1), **params):
    torch.manual_seed(0)
    return ResViT2D(Setting(patch=patch), **{**PARAMS, **params})


def test_every_array_goes_where_it_belongs(archive):
    loaded, given = network(vit_weights="small.npz").eval(), arrays()
    loaded.calibrate(iter(()))
    block = "Transformer/encoderblock_1"
    layer = loaded.transformer.layers[1]
    tokens = torch.randn(2, 5, HIDDEN)
    for part, inputs in (("query", tokens), ("key", tokens), ("value", tokens)):
        name = f"{block}/MultiHeadDotProductAttention_1/{part}"
        heads = np.einsum("btc,chd->bthd", inputs.numpy(), given[f"{name}/kernel"])
        expected = (heads + given[f"{name}/bias"]).reshape(2, 5, HIDDEN)
        got = getattr(layer, part)(inputs).detach().numpy()
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)
    heads = tokens.reshape(2, 5, HEADS, -1).numpy()
    name = f"{block}/MultiHeadDotProductAttention_1/out"
    expected = np.einsum("bthd,hdc->btc", heads, given[f"{name}/kernel"]) + given[f"{name}/bias"]
    np.testing.assert_allclose(layer.out(tokens).detach().numpy(), expected, rtol=1e-4, atol=1e-4)
    dense = given[f"{block}/MlpBlock_3/Dense_0/kernel"]
    assert np.array_equal(layer.widen.weight.detach().numpy(), dense.T)
    assert np.array_equal(
        layer.narrow.bias.detach().numpy(), given[f"{block}/MlpBlock_3/Dense_1/bias"]
    )
    assert np.array_equal(
        layer.mlp_norm.weight.detach().numpy(), given[f"{block}/LayerNorm_2/scale"]
    )
    assert np.array_equal(
        loaded.transformer.norm.bias.detach().numpy(), given["Transformer/encoder_norm/bias"]
    )


def test_both_branches_get_the_same_embedding_and_interpolated_positions(archive):
    loaded, given = network(vit_weights="small.npz"), arrays()
    loaded.calibrate(iter(()))
    first, second = loaded.branches["1"], loaded.branches["6"]
    features = torch.randn(1, 16 * CHANNELS, 4, 4)
    expected = np.einsum("bchw,cd->bdhw", features.numpy(), given["embedding/kernel"][0, 0])
    expected += given["embedding/bias"][:, None, None]
    for branch in (first, second):
        got = branch.embedding(features).detach().numpy()
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)
    assert torch.equal(first.positions, second.positions)
    # The class token's row is gone; corners of the grid are kept, as by a linear zoom.
    table = given["Transformer/posembed_input/pos_embedding"][0, 1:].reshape(3, 3, HIDDEN)
    got = first.positions[0].detach().permute(1, 2, 0).numpy()
    assert got.shape == (4, 4, HIDDEN)
    for there, here in (((0, 0), (0, 0)), ((2, 0), (3, 0)), ((2, 2), (3, 3))):
        np.testing.assert_allclose(got[here], table[there], atol=1e-6)
    np.testing.assert_allclose(got[0, 1], table[0, 0] / 3 + 2 * table[0, 1] / 3, atol=1e-5)


def test_translating_needs_no_file(archive):
    loaded = network(vit_weights="small.npz")
    loaded.calibrate(iter(()))
    archive.unlink()
    rebuilt = network(vit_weights="small.npz")
    rebuilt.load_state_dict(loaded.state_dict())
    with pytest.raises(DataError, match="cannot load"):
        rebuilt.calibrate(iter(()))


def test_without_weights_nothing_changes():
    untouched = network()
    before = {name: value.clone() for name, value in untouched.state_dict().items()}
    untouched.calibrate(iter(()))
    assert all(torch.equal(before[name], each) for name, each in untouched.state_dict().items())


def test_weights_of_another_network_are_refused(archive):
    with pytest.raises(DataError, match="encoderblock_2"):
        network(layers=3, vit_weights="small.npz").calibrate(iter(()))
    with pytest.raises(DataError, match=r"is \(12,\) there, \(24,\) here"):
        network(hidden=24, vit_weights="small.npz").calibrate(iter(()))


def test_what_is_lacking_is_said_at_plan_time(archive, tmp_path):
    assert preflight() == []
    assert preflight(vit_weights="small.npz", **PARAMS) == []
    assert preflight(vit_weights=str(archive), axis=1, **PARAMS) == []
    ((what, fix),) = preflight(vit_weights="R50+ViT-B_16.npz")
    assert "R50+ViT-B_16.npz are not in" in what
    assert "leave out vit_weights" in fix
    ((what, _),) = preflight(vit_weights="small.npz", **{**PARAMS, "layers": 3})
    assert "has no Transformer/encoderblock_2/" in what
    ((what, fix),) = preflight(vit_weights="small.npz", **{**PARAMS, "heads": 2})
    assert "is (12, 3, 4), but resvit2d needs (12, 2, 6)" in what
    assert "heads" in fix
    ((what, _),) = preflight(vit_weights="small.npz", **{**PARAMS, "channels": 8})
    assert "embedding/kernel" in what
    archive.write_bytes(archive.read_bytes()[:2000])
    assert "damaged" in preflight(vit_weights="small.npz", **PARAMS)[0][0]
    archive.write_bytes(b"no archive")
    assert "damaged" in preflight(vit_weights="small.npz", **PARAMS)[0][0]
    np.save(tmp_path / "array.npz.npy", np.zeros(3))
    assert "damaged" in preflight(vit_weights=str(tmp_path / "array.npz.npy"))[0][0]


def test_results_say_where_the_transformer_comes_from():
    assert "random weights" in remarks()[0]
    assert "ImageNet weights small.npz" in remarks(vit_weights="/data/small.npz", layers=2)[0]
    assert "no transformer" in remarks(transformer_at=[])[0]


def test_plan_time_needs_no_torch():
    program = (
        "import sys, synthbench_plugins.resvit.pretrained as p; p.preflight('none.npz'); "
        "p.remarks(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
