import math

import pytest
import torch

from synthbench.api import Judgement, Prediction, Scores, Setting
from synthbench_plugins.losses.adversarial import BCE, LSGAN
from synthbench_plugins.losses.reconstruction import L1, L2


def image(*values):
    return torch.tensor(values).view(1, 1, len(values), 1, 1)


# Level 0: |d| = 1, 3, d^2 = 1, 9; level 1 (one voxel): |d| = 4, d^2 = 16.
PREDICTION = Prediction(
    fake=[image(1.0, -1.0), image(2.0)],
    real=[image(0.0, 2.0), image(-2.0)],
)
# sigmoid(log 3) = 3/4 and sigmoid(-log 4) = 1/5
FAKE = Judgement([image(math.log(3.0)), image(-math.log(4.0), -math.log(4.0))])
REAL = Judgement([image(0.0), image(math.log(3.0), math.log(3.0))])
SCORES = Scores(fake=FAKE, real=REAL)


def test_reconstruction_losses_average_levels_not_voxels():
    assert L1(Setting())(PREDICTION, {}).item() == pytest.approx((2 + 4) / 2)
    assert L2(Setting())(PREDICTION, {}).item() == pytest.approx((5 + 16) / 2)


def test_reconstruction_gradients():
    for loss, expected in ((L1, [0.5, -0.5]), (L2, [1.0, -3.0])):
        fake = image(1.0, -1.0).requires_grad_()
        loss(Setting())(Prediction([fake], [image(0.0, 2.0)]), {}).backward()
        assert fake.grad.flatten().tolist() == pytest.approx(expected)


def test_a_missing_level_is_an_error():
    with pytest.raises(ValueError, match="zip"):
        L1(Setting())(Prediction(PREDICTION.fake, PREDICTION.real[:1]), {})


def test_bce_discriminator_is_minus_log_of_both_probabilities():
    # real: -log(1/2), -log(3/4); fake: -log(1 - 3/4), -log(1 - 1/5)
    expected = (math.log(2) + math.log(4 / 3)) / 2 + (math.log(4) + math.log(5 / 4)) / 2
    assert BCE(Setting()).discriminator_loss(SCORES, PREDICTION, None).item() == pytest.approx(
        expected
    )


def test_bce_generator_is_non_saturating():
    expected = (math.log(4 / 3) + math.log(5)) / 2
    assert BCE(Setting()).generator_loss(Scores(fake=FAKE)).item() == pytest.approx(expected)
    hopeless = image(-20.0).requires_grad_()
    BCE(Setting()).generator_loss(Scores(fake=Judgement([hopeless]))).backward()
    assert hopeless.grad.item() == pytest.approx(-1.0)


def test_bce_stays_finite_for_extreme_logits():
    extreme = Scores(fake=Judgement([image(1e4)]), real=Judgement([image(-1e4)]))
    loss = BCE(Setting()).discriminator_loss(extreme, PREDICTION, None)
    assert loss.item() == pytest.approx(2e4)


def test_lsgan_is_half_the_squares_for_the_discriminator_only():
    fake = Judgement([image(0.5), image(-1.0, 2.0)])
    real = Judgement([image(3.0), image(1.0, 0.0)])
    pair = LSGAN(Setting())
    # real - 1: 4 | mean(0, 1); fake: 0.25 | mean(1, 4)
    assert pair.discriminator_loss(
        Scores(fake=fake, real=real), PREDICTION, None
    ).item() == pytest.approx(0.5 * ((4 + 0.5) / 2 + (0.25 + 2.5) / 2))
    # fake - 1: 0.25 | mean(4, 1)
    assert pair.generator_loss(Scores(fake=fake)).item() == pytest.approx((0.25 + 2.5) / 2)


def test_thresholds_lie_between_the_labels():
    assert (BCE.decision_threshold, LSGAN.decision_threshold) == (0.0, 0.5)


@pytest.mark.parametrize("pair", [BCE, LSGAN])
def test_half_precision_logits_are_compared_in_float32(pair):
    half = Scores(fake=Judgement([image(0.1).bfloat16()]), real=Judgement([image(0.1).bfloat16()]))
    assert pair(Setting()).discriminator_loss(half, PREDICTION, None).dtype == torch.float32
    assert pair(Setting()).generator_loss(half).dtype == torch.float32
