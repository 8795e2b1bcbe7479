"""Multi-resolution guided 3D GAN with a dense-attention U-Net (Ha et al.)."""

from __future__ import annotations

from typing import Any

from synthbench.api import (
    DiscriminatorSpec,
    LossSpec,
    MethodSpec,
    TranslatorSpec,
    hookimpl,
)

synthbench_api_version = "1.0"

_PAPER = "Ha et al., Multi-resolution Guided 3D GANs for Medical Image Translation"

_HERE = "synthbench_plugins.mdaunet_gan"


def _recipe(
    discriminator: str = "multires_unet", pair: str = "relativistic_average", **params: Any
) -> dict[str, Any]:
    return {
        "translator": {"name": "mdaunet3d", "params": params},
        "discriminators": [{"name": discriminator, "adversarial": pair, "weight": 1e-4}],
        "losses": ["l1@1", "perceptual_2_5d@1"],
        "optimiser": {"name": "adam", "lr": 1e-4},
        "schedule": {"kind": "step", "gamma": 0.5, "every": 0.25},
        "patch": {"size": [96, 96, 96], "foreground": 0.0},
        "batch": 3,
        "budget": {"steps": 50_000},
        "precision": "fp16",
        "intensity": [0.0, 1.0],
        "inference": {"overlap": 0.5, "blend": "gaussian"},
    }


def _small(
    recipe: dict[str, Any], channels: list[int], critic: list[int], side: int, steps: int
) -> dict[str, Any]:
    # bfloat16, because a CPU then takes a third of the time; at least 4 voxels a side at the
    # deepest level (smoke: even in patches of 16), because below that torch's CPU code returns
    # weight gradients that are rubbish in bfloat16. L1 leads from the start: no weight is changed.
    return {
        "translator.params": {**recipe["translator"]["params"], "channels": channels},
        "discriminators.0.params": {"channels": critic},
        "losses": [
            "l1@1",
            {
                "name": "perceptual_2_5d",
                "params": {"backbone": "random", "slices_per_view": 1},
            },
        ],
        "optimiser.lr": 1e-3,
        "discriminator_optimiser": {"name": "adam", "lr": 1e-4},
        "schedule": {"kind": "linear"},
        "patch": {"size": [side, side, side]},
        "batch": 1,
        "budget": {"steps": steps},
        "precision": "bf16",
    }


_NOTES = (
    "presets smoke and quick train narrow networks (smoke: of three levels) on patches of 24 and "
    "32 voxels, with a learning rate that starts at 1e-3 and decays linearly, and compare one "
    "random slice a view by a VGG-19 that is not pre-trained"
)


def _method(name: str, summary: str, recipe: dict[str, Any]) -> MethodSpec:
    return MethodSpec(
        name=name,
        summary=summary,
        recipe=recipe,
        presets={
            "smoke": _small(recipe, [8, 16, 32], [4, 8, 16], side=24, steps=45),
            "quick": _small(recipe, [16, 16, 32, 64], [4, 8, 16, 32], side=32, steps=320),
        },
        variant_of="" if name == "mdaunet_gan" else "mdaunet_gan",
        paper=_PAPER,
        notes=_NOTES,
    )


@hookimpl
def synthbench_translators() -> list[TranslatorSpec]:
    """Declare the generator."""
    return [
        TranslatorSpec(
            name="mdaunet3d",
            target=f"{_HERE}.generator:MDAUNet3D",
            summary="3D-mDAUNet: dense blocks, attention, several resolutions in and out.",
            citation=_PAPER,
        )
    ]


@hookimpl
def synthbench_discriminators() -> list[DiscriminatorSpec]:
    """Declare the voxel-wise discriminator and the one of the ablation."""
    return [
        DiscriminatorSpec(
            name="multires_unet",
            target=f"{_HERE}.discriminators:MultiresUNet",
            summary="3D U-Net with spectral norm: one logit a voxel at every resolution.",
            dense=True,
            citation=_PAPER,
        ),
        DiscriminatorSpec(
            name="binary3d",
            target=f"{_HERE}.discriminators:Binary3D",
            summary="Plain 3D discriminator with spectral norm: one logit an image.",
            citation=_PAPER,
        ),
    ]


@hookimpl
def synthbench_losses() -> list[LossSpec]:
    """Declare the adversarial pair and the perceptual loss."""
    return [
        LossSpec(
            name="relativistic_average",
            target=f"{_HERE}.relativistic:RelativisticAverage",
            summary="Cross-entropy of each logit relative to the mean of the other kind.",
            adversarial=True,
            needs=("discriminator",),
            citation="Jolicoeur-Martineau, The relativistic discriminator: a key element missing "
            "from standard GAN, ICLR 2019",
        ),
        LossSpec(
            name="perceptual_2_5d",
            target=f"{_HERE}.perceptual:Perceptual25D",
            summary="Absolute difference of VGG-19 features of slices, summed over three views.",
            preflight=f"{_HERE}.pretrained:preflight",
            remarks=f"{_HERE}.pretrained:remarks",
            citation=_PAPER,
        ),
    ]


@hookimpl
def synthbench_methods() -> list[MethodSpec]:
    """Declare the published method and the rows of its ablation (Table 2)."""
    return [
        _method(
            "mdaunet_gan",
            "Multi-resolution dense-attention U-Net against a voxel-wise U-Net discriminator.",
            _recipe(),
        ),
        _method(
            "mdaunet_gan_a",
            "Table 2 (a): the generator sees the source at full resolution only.",
            _recipe(multires_input=False),
        ),
        _method(
            "mdaunet_gan_b",
            "Table 2 (b): the generator makes the full resolution only.",
            _recipe(multires_output=False),
        ),
        _method(
            "mdaunet_gan_c",
            "Table 2 (c): a plain binary discriminator.",
            _recipe(discriminator="binary3d"),
        ),
        _method(
            "mdaunet_gan_d",
            "Table 2 (d): plain cross-entropy as the adversarial loss.",
            _recipe(pair="bce"),
        ),
        _method(
            "mdaunet_gan_e",
            "Table 2 (e): everything; the same as mdaunet_gan.",
            _recipe(),
        ),
    ]
