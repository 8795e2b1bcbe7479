"""Memory-efficient multi-scale GAN from edges, trained on the target alone (Uzunova et al.)."""

from __future__ import annotations

from typing import Any

from synthbench.api import DiscriminatorSpec, MethodSpec, TranslatorSpec, hookimpl

synthbench_api_version = "1.0"

_PAPER = (
    "Uzunova et al., Memory-efficient GAN-based domain translation of high resolution 3D medical "
    "images, Computerized Medical Imaging and Graphics 2020"
)

#: What a scale is trained for; the paper does not say, its code stops between 200 and 2000.
_EPOCHS = 300


def _recipe(
    params: dict[str, Any], trained: int, critic: dict[str, Any] | str = "cascade_critic:bce@1"
) -> dict[str, Any]:
    return {
        "translator": {"name": "edge_cascade", "params": params},
        "discriminators": [critic],
        "losses": ["l1@10"],
        "optimiser": {"name": "adam", "lr": 2e-4, "betas": [0.5, 0.999]},
        "patch": {"size": None},
        "batch": 1,
        "budget": {"epochs": _EPOCHS * trained},
        "intensity": [-1.0, 1.0],
    }


_CODE = _recipe(
    {
        "lr_generator": "resnet",
        "augmentation": {"noise": 0.0, "blur_probability": 0.0, "half_probability": 0.0},
    },
    trained=3,
    critic={"name": "cascade_critic", "adversarial": "lsgan", "max_accuracy": 0.8},
)


def _small(recipe: dict[str, Any], params: dict[str, Any], **changes: Any) -> dict[str, Any]:
    small = {**recipe["translator"]["params"], **params}
    # The small GAN has no higher scale at any size.
    small["scales"] = min(1, recipe["translator"]["params"].get("scales", 1))
    return {
        "translator.params": {**small, "blocks": 2, "lr_input": "both", "patches_per_step": 4},
        "discriminators.0.params": {"width": params["width"]},
        # Higher rates may drive the 7x7x7 convolution before the tanh into saturation.
        "optimiser.lr": 5e-4,
        "discriminator_optimiser": {"name": "adam", "lr": 2e-4, "betas": [0.5, 0.999]},
        "schedule.kind": "linear",
        "patch.size": None,
        **changes,
    }


def _presets(recipe: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        "smoke": _small(recipe, {"lr_side": 24, "patch": 16, "width": 8}, budget={"steps": 80}),
        "quick": _small(
            recipe,
            {"lr_side": 40, "patch": 32, "width": 16},
            budget={"steps": 500},
            precision="bf16",
        ),
    }


_NOTES = (
    "unpaired: learns the target alone and sees only the edges of the source, so paired methods, "
    "the linear baseline among them, may well score higher; presets smoke and quick train narrow "
    "networks on small cubes, and also show a higher scale the middle of the lower one"
)


def _method(name: str, summary: str, recipe: dict[str, Any], variant: bool = True) -> MethodSpec:
    return MethodSpec(
        name=name,
        summary=summary,
        recipe=recipe,
        presets=_presets(recipe),
        variant_of="edge_cascade" if variant else "",
        paper=_PAPER,
        notes=_NOTES,
    )


@hookimpl
def synthbench_translators() -> list[TranslatorSpec]:
    """Declare the cascade."""
    return [
        TranslatorSpec(
            name="edge_cascade",
            target="synthbench_plugins.edge_cascade.translator:EdgeCascade",
            summary="Generators from edges, one a scale: a small cube, then patches of it doubled.",
            max_sources=1,
            citation=_PAPER,
        )
    ]


@hookimpl
def synthbench_discriminators() -> list[DiscriminatorSpec]:
    """Declare the discriminator of every scale."""
    return [
        DiscriminatorSpec(
            name="cascade_critic",
            target="synthbench_plugins.edge_cascade.critics:CascadeCritic",
            summary="Strided convolutions; folded edges of a whole cube, or one score a patch.",
            conditional=True,
            features=True,
            citation=_PAPER,
        )
    ]


@hookimpl
def synthbench_methods() -> list[MethodSpec]:
    """Declare the published method and its variants."""
    return [
        _method(
            "edge_cascade",
            "Multi-scale GAN from edges; memory does not grow with the volume (MEGAN).",
            _recipe({}, trained=3),
            variant=False,
        ),
        _method(
            "edge_cascade_code",
            "edge_cascade as its published code: residual lowest scale, least squares, gate.",
            _CODE,
        ),
        _method(
            "edge_cascade_edges_only",
            "edge_cascade whose higher scales see edges and no lower scale.",
            _recipe({"conditions": "edges"}, trained=1),
        ),
        _method(
            "edge_cascade_scales_only",
            "edge_cascade whose higher scales see the lower scale and no edges.",
            _recipe({"conditions": "scales"}, trained=3),
        ),
        _method(
            "patch_gan",
            "The last scale alone, from edges; overlapping patches are averaged.",
            _recipe({"conditions": "edges", "stitching": "average"}, trained=1),
        ),
        _method(
            "small_gan",
            "The lowest scale alone, its cube resized to the volume.",
            _recipe({"scales": 0}, trained=1),
        ),
    ]
