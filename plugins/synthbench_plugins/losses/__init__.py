"""Losses and adversarial pairs that no single paper owns."""

from __future__ import annotations

from synthbench.api import LossSpec, hookimpl

synthbench_api_version = "1.0"


@hookimpl
def synthbench_losses() -> list[LossSpec]:
    """Declare the built-in losses."""
    return [
        LossSpec(
            name="l1",
            target="synthbench_plugins.losses.reconstruction:L1",
            summary="Mean absolute error, averaged over resolutions.",
        ),
        LossSpec(
            name="l2",
            target="synthbench_plugins.losses.reconstruction:L2",
            summary="Mean squared error, averaged over resolutions.",
        ),
        LossSpec(
            name="bce",
            target="synthbench_plugins.losses.adversarial:BCE",
            summary="Binary cross-entropy on logits, non-saturating generator.",
            adversarial=True,
            needs=("discriminator",),
            citation="Goodfellow et al., Generative adversarial nets, NeurIPS 2014",
        ),
        LossSpec(
            name="lsgan",
            target="synthbench_plugins.losses.adversarial:LSGAN",
            summary="Least squares to 1 (real) and 0 (synthetic).",
            adversarial=True,
            needs=("discriminator",),
            citation="Mao et al., Least squares generative adversarial networks, ICCV 2017",
        ),
        LossSpec(
            name="hinge",
            target="synthbench_plugins.losses.adversarial:Hinge",
            summary="Hinge loss with margins of 1; the generator raises the logits.",
            adversarial=True,
            needs=("discriminator",),
            citation="Lim and Ye, Geometric GAN, arXiv:1705.02894, 2017",
        ),
        LossSpec(
            name="wgan_gp",
            target="synthbench_plugins.losses.wasserstein:WGANGP",
            summary="Wasserstein distance with a gradient penalty.",
            adversarial=True,
            needs=("discriminator",),
            citation="Gulrajani et al., Improved training of Wasserstein GANs, NeurIPS 2017",
        ),
    ]
