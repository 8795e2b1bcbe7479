"""A U-Net against two discriminators, attending to what is hard to synthesise (Xiao & Nie)."""

from __future__ import annotations

from typing import Any

from synthbench.api import DiscriminatorSpec, LossSpec, MethodSpec, TranslatorSpec, hookimpl

synthbench_api_version = "1.0"

_PAPER = (
    "Xiao and Nie, Fine-grained Medical Image Synthesis with Dual-Attention Adversarial Learning"
)

_GLOBAL = "global_critic:wgan_gp@0.001"
_LOCAL = "local_fcn:bce@0.01"


def _recipe(translator: str, discriminators: list[str], loss: str) -> dict[str, Any]:
    recipe: dict[str, Any] = {
        "translator": translator,
        "discriminators": discriminators,
        "losses": [loss],
        "optimiser": {"name": "adam", "lr": 1e-4},
        "patch": {"size": [64, 64, 64]},
        "batch": 4,
        "budget": {"steps": 50_000},
        "intensity": [0.0, 1.0],
    }
    if discriminators:
        recipe["separate_batches"] = True
        # The values that the WGAN-GP paper advises and Xiao & Nie follow.
        recipe["discriminator_optimiser"] = {"name": "adam", "lr": 1e-4, "betas": [0.0, 0.9]}
    return recipe


def _small(
    recipe: dict[str, Any], channels: list[int], *, critic: int, side: int, batch: int, steps: int
) -> dict[str, Any]:
    # A reconstruction weight of 20 (or adversarial weights 20 times smaller, which is the same to
    # Adam), because at weight 1 the critic's gradient is as large as that of the voxel errors, and
    # in such a budget the critic has little to teach.
    small: dict[str, Any] = {
        "translator.params": {"channels": channels},
        "losses.0.weight": 20.0,
        "optimiser.lr": 2e-3,
        "schedule.kind": "linear",
        "patch.size": [side, side, side],
        "batch": batch,
        "budget": {"steps": steps},
        "precision": "bf16",
        "inference.overlap": 0.25,
    }
    widths = {"channels": [critic, 2 * critic, 4 * critic, 4 * critic]}
    for index, term in enumerate(recipe["discriminators"]):
        own = {"units": [64, 16]} if term == _GLOBAL else {}
        small[f"discriminators.{index}.params"] = {**widths, **own}
    return small


def _presets(recipe: dict[str, Any]) -> dict[str, dict[str, Any]]:
    # Without skip connections so short a training must not pass through too coarse a bottleneck,
    # and takes longer to learn what background is.
    plain = recipe["translator"] == "fcn3d"
    halvings = 1 if plain else 2
    smoke, quick = [8, 16, 32][: halvings + 1], [16, 32, 64, 128][: halvings + 2]
    return {
        "smoke": _small(recipe, smoke, critic=4, side=32, batch=1, steps=60),
        "quick": _small(recipe, quick, critic=8, side=40, batch=1, steps=600 if plain else 300),
    }


_NOTES = (
    "presets smoke and quick train narrower networks on patches of 32 and 40 voxels, with "
    "reconstruction weight 20 and a decaying learning rate of 2e-3"
)


def _method(
    name: str, summary: str, translator: str, discriminators: list[str], loss: str = "l1@1"
) -> MethodSpec:
    recipe = _recipe(translator, discriminators, loss)
    return MethodSpec(
        name=name,
        summary=summary,
        recipe=recipe,
        presets=_presets(recipe),
        variant_of="" if name == "dual_d_attention" else "dual_d_attention",
        paper=_PAPER,
        notes=_NOTES,
    )


@hookimpl
def synthbench_translators() -> list[TranslatorSpec]:
    """Declare the generator and the network it is compared with."""
    return [
        TranslatorSpec(
            name="unet3d",
            target="synthbench_plugins.dual_d_attention.generators:UNet3D",
            summary="U-Net for volumes or slices with a linear head.",
            citation="Ronneberger et al., U-Net, MICCAI 2015",
        ),
        TranslatorSpec(
            name="fcn3d",
            target="synthbench_plugins.dual_d_attention.generators:FCN3D",
            summary="Plain fully convolutional network: unet3d without skip connections.",
            citation="Long et al., Fully convolutional networks, CVPR 2015",
        ),
    ]


@hookimpl
def synthbench_discriminators() -> list[DiscriminatorSpec]:
    """Declare the global and the local discriminator."""
    return [
        DiscriminatorSpec(
            name="global_critic",
            target="synthbench_plugins.dual_d_attention.discriminators:GlobalCritic",
            summary="Pooled convolutions and fully connected layers: one score an image.",
            citation=_PAPER,
        ),
        DiscriminatorSpec(
            name="local_fcn",
            target="synthbench_plugins.dual_d_attention.discriminators:LocalFCN",
            summary="Fully convolutional, three down-samplings: one logit a voxel.",
            dense=True,
            citation=_PAPER,
        ),
    ]


@hookimpl
def synthbench_losses() -> list[LossSpec]:
    """Declare the reconstruction loss with attention."""
    return [
        LossSpec(
            name="attention_l1",
            target="synthbench_plugins.dual_d_attention.attention:AttentionL1",
            summary="L1 (or L2) weighted by what a dense discriminator does not believe in.",
            needs=("dense",),
            citation=_PAPER,
        )
    ]


@hookimpl
def synthbench_methods() -> list[MethodSpec]:
    """Declare the published method, its ablations and the networks it is compared with."""
    return [
        _method(
            "dual_d_attention",
            "U-Net against a global and a local discriminator; the local one guides the L1 loss.",
            "unet3d",
            [_GLOBAL, _LOCAL],
            "attention_l1@1",
        ),
        _method(
            "dual_d",
            "dual_d_attention with plain L1 (sGAN-dual).",
            "unet3d",
            [_GLOBAL, _LOCAL],
        ),
        _method(
            "sgan_global",
            "dual_d_attention with the global discriminator alone and plain L1 (sGAN-1).",
            "unet3d",
            [_GLOBAL],
        ),
        _method(
            "sgan_local",
            "dual_d_attention with the local discriminator alone and plain L1 (sGAN-2).",
            "unet3d",
            [_LOCAL],
        ),
        _method("unet", "The generator of dual_d_attention alone, L1.", "unet3d", []),
        _method("fcn", "A plain fully convolutional network, L1.", "fcn3d", []),
    ]
