"""Discriminators that no single paper owns."""

from __future__ import annotations

from synthbench.api import DiscriminatorSpec, hookimpl

synthbench_api_version = "1.0"


@hookimpl
def synthbench_discriminators() -> list[DiscriminatorSpec]:
    """Declare the built-in discriminators."""
    return [
        DiscriminatorSpec(
            name="patchgan3d",
            target="synthbench_plugins.discriminators.patchgan3d:PatchGAN3D",
            summary="Conditional 3D PatchGAN: pooled convolution stages, one logit a patch.",
            conditional=True,
            features=True,
            citation="Isola et al., Image-to-image translation with conditional adversarial "
            "networks, CVPR 2017",
        )
    ]
