"""A router learns where gains are, and its thresholds are those of the cells it was given."""

import numpy as np
import pytest
import torch

from models.errors import DataError
from models.liif.cells import cell_edges
from models.liif.router import N_THRESHOLDS, RouterConfig
from models.training.router import (
    GainSample,
    predict_cells,
    predict_everywhere,
    shares_of_best,
    train_router,
    with_thresholds,
)

CONFIG = RouterConfig(16, 8, (4, 8, 8), "a" * 64, "b" * 64, 1.0, (0.0,) * N_THRESHOLDS)


def sample(seed: int) -> GainSample:
    """Noise in half of the picture, where all of the gain is, beside a flat half."""
    rng = np.random.default_rng(seed)
    lr = np.full((64, 64, 3), rng.integers(60, 200, 3), np.uint8)
    gain = np.zeros((64, 64), np.float32)
    half = slice(0, 32) if seed % 2 else slice(32, 64)
    lr[:, half] = rng.integers(0, 256, (64, 32, 3))
    gain[:, half] = 50
    return GainSample(lr, gain)


@pytest.fixture(scope="module")
def trained():
    (*_, (_, _, router)) = train_router([sample(seed) for seed in range(8)], CONFIG, 400)
    return router


def test_a_router_finds_the_cells_that_gain_on_pictures_it_never_saw(trained):
    shares = shares_of_best(trained, [sample(seed) for seed in range(100, 104)], 0.25)
    assert shares.router > 0.9
    assert shares.gradient > 0.9
    assert shares.even == pytest.approx(0.5, abs=0.02)


def test_training_is_the_same_each_time():
    once, again = (list(train_router([sample(0), sample(1)], CONFIG, 101)) for _ in range(2))
    assert [step for step, _, _ in once] == [100, 101]
    assert [loss for _, loss, _ in once] == [loss for _, loss, _ in again]


def test_every_window_is_predicted_as_by_itself(trained):
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        everywhere = predict_everywhere(trained, picture, 16)
        alone = trained(picture[:, :, 8:40, 12:44])
    torch.testing.assert_close(everywhere[0, 0, 2, 3], alone[0, 0], atol=1e-5, rtol=0)


def test_thresholds_are_quantiles_of_the_predictions(trained):
    pictures = [sample(seed).lr for seed in range(4)]
    found = np.concatenate([predict_cells(trained, picture).ravel() for picture in pictures])
    thresholds = with_thresholds(trained, pictures).config.thresholds
    assert (thresholds[0], thresholds[100]) == pytest.approx((found.max(), found.min()))
    for effort in (10, 20, 40):  # flat cells are predicted alike
        assert (found > thresholds[effort]).mean() == pytest.approx(effort / 100, abs=0.02)


def test_cells_are_near_equal_and_as_few_as_can_be():
    assert cell_edges(112, 32) == (0, 28, 56, 84, 112)
    assert cell_edges(33, 32) == (0, 16, 33)
    assert cell_edges(1, 32) == (0, 1)


def test_patches_smaller_than_a_window_are_refused():
    small = GainSample(np.zeros((24, 24, 3), np.uint8), np.zeros((24, 24), np.float32))
    with pytest.raises(DataError, match=r"at least 32 LR pixels, found \(24, 24\)"):
        next(iter(train_router([small], CONFIG, 1)))
