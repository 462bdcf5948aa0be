"""Metrics give the numbers of their definitions."""

import math

import numpy as np
import pytest

from edge.images.metrics import LUMA, gmsd, gradient, luma, max_abs, psnr, psnr_of_all, psnr_y, ssim, ssim_y


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, np.float32)


def test_psnr_is_minus_ten_log_of_the_mean_squared_error():
    a, b = np.zeros((3, 4, 5), np.float32), np.full((3, 4, 5), 0.1, np.float32)
    assert psnr(a, b) == pytest.approx(20, abs=1e-5)
    assert psnr(255 * a, 255 * b, peak=255) == pytest.approx(20, abs=1e-5)
    half = b.copy()
    half[0] = half[1] = 0
    assert psnr(a, half) == pytest.approx(20 + 10 * math.log10(3), abs=1e-5)


def test_psnr_of_all_is_that_of_their_pixels_together():
    a, b = noise(2, 3, 4, 5), noise(2, 3, 4, 5, seed=1)
    assert psnr_of_all(map(psnr, a, b)) == pytest.approx(psnr(a, b), abs=1e-5)
    assert psnr_of_all([20.0, math.inf]) == pytest.approx(20 + 10 * math.log10(2))
    assert psnr_of_all([math.inf, math.inf]) == math.inf
    assert math.isnan(psnr_of_all([20.0, math.nan]))


def test_equal_pictures_are_infinitely_near():
    a = noise(3, 12, 13)
    assert psnr(a, a) == math.inf
    assert max_abs(a, a) == 0
    assert ssim(a, a) == 1
    assert ssim(a[0], a[0]) == 1


def test_nan_spreads_to_psnr_and_the_largest_difference():
    a = noise(3, 12, 13)
    b = a.copy()
    b[2, 3, 4] = math.nan
    assert math.isnan(psnr(a, b)) and math.isnan(psnr(b, a))
    assert math.isnan(max_abs(a, b)) and math.isnan(max_abs(b, a))
    assert math.isnan(ssim(a, b))


def test_the_largest_difference_has_no_sign():
    a = np.zeros((3, 2, 2), np.float32)
    b = a.copy()
    b[0, 0, 0], b[1, 1, 1] = 0.25, -0.5
    assert max_abs(a, b) == max_abs(b, a) == 0.5


def ssim_by_definition(a: np.ndarray, b: np.ndarray) -> float:
    """Wang et al. 2004, equation 13: 11 x 11 Gaussian window of 1.5, over whole windows only."""
    taps = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(taps, taps) / taps.sum() ** 2
    c1, c2 = 0.01**2, 0.03**2
    views_a, views_b = (np.lib.stride_tricks.sliding_window_view(p, (11, 11)) for p in (a, b))

    def mean(values: np.ndarray) -> np.ndarray:
        return np.einsum("ijkl,kl->ij", values, window)

    mu_a, mu_b = mean(views_a), mean(views_b)
    var_a, var_b = mean(views_a**2) - mu_a**2, mean(views_b**2) - mu_b**2
    cov = mean(views_a * views_b) - mu_a * mu_b
    values = (2 * mu_a * mu_b + c1) * (2 * cov + c2) / ((mu_a**2 + mu_b**2 + c1) * (var_a + var_b + c2))
    return float(values.mean())


def test_ssim_is_that_of_its_definition():
    a = noise(20, 23).astype(np.float64)
    b = 0.7 * a + 0.3 * noise(20, 23, seed=1)
    assert ssim(a, b) == pytest.approx(ssim_by_definition(a, b), abs=1e-6)
    assert 0.2 < ssim(a, b) < 0.98


def test_ssim_of_a_colour_picture_is_the_mean_of_its_channels():
    a, b = noise(3, 16, 16), noise(3, 16, 16, seed=1)
    assert ssim(a, b) == pytest.approx(np.mean([ssim(x, y) for x, y in zip(a, b, strict=True)]), abs=1e-6)


def test_pictures_smaller_than_its_window_have_no_ssim():
    with pytest.raises(ValueError):
        ssim(noise(3, 10, 30), noise(3, 10, 30))


def test_luma_is_bt_601s():
    rgb = np.zeros((3, 1, 4), np.float32)
    rgb[0, 0, 0] = rgb[1, 0, 1] = rgb[2, 0, 2] = 1
    rgb[:, 0, 3] = 1
    assert luma(rgb)[0] == pytest.approx([65.738 / 256, 129.057 / 256, 25.064 / 256, 219.859 / 256])
    assert LUMA.sum() == pytest.approx(219.859 / 256)


def test_psnr_y_by_the_published_protocol_in_a_case_worked_by_hand():
    hr = np.full((3, 8, 8), 0.5, np.float32)
    sr = hr.copy()
    sr[:, :2] = 0  # the border of two pixels is cut off
    sr[1, 4, 4] = 1.0  # green, one of the 4 x 4 pixels that are left
    expected = -10 * math.log10((0.5 * 129.057 / 256) ** 2 / 16)
    assert psnr_y(sr, hr, 2) == pytest.approx(expected, abs=1e-4)
    sr[1, 4, 4] = 1.5  # clamped to 1
    assert psnr_y(sr, hr, 2) == pytest.approx(expected, abs=1e-4)
    sr[1, 4, 4] = 0.5 + 0.3 / 255  # not rounded away
    assert psnr_y(sr, hr, 2) < math.inf


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_border_that_is_cut_off_is_as_wide_as_the_scale(scale):
    hr, sr = noise(3, 24, 24), noise(3, 24, 24)
    sr[:, :scale] = sr[:, -scale:] = 0
    sr[:, :, :scale] = sr[:, :, -scale:] = 0
    assert psnr_y(sr, hr, scale) == math.inf
    assert ssim_y(sr, hr, scale) == 1
    sr[:, scale] += 0.1
    assert psnr_y(sr, hr, scale) < math.inf
    assert ssim_y(sr, hr, scale) < 1


def test_the_gradient_of_a_sharp_step_is_its_height_in_every_direction():
    step = np.zeros((9, 9), np.float32)
    step[:, 5:] = 0.25
    expected = np.zeros((9, 9))
    expected[:, 4:6] = 0.25
    assert gradient(step) == pytest.approx(expected)
    assert gradient(step.T[::-1]) == pytest.approx(expected.T[::-1])
    assert (gradient(np.full((4, 5), 0.7, np.float32)) == 0).all()  # no frame around the picture


def gmsd_by_definition(a: np.ndarray, b: np.ndarray) -> float:
    """Xue et al. 2014: Prewitt's filters, c = 0.0026, on 2 x 2 averages of luma."""
    slopes = []
    for picture in (a, b):
        grey = np.tensordot([0.299, 0.587, 0.114], picture.astype(np.float64), axes=1)
        grey = (grey[::2, ::2] + grey[1::2, ::2] + grey[::2, 1::2] + grey[1::2, 1::2]) / 4
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(grey, 1, mode="edge"), (3, 3))
        filters = np.array([[1, 0, -1]] * 3) / 3
        dx, dy = (np.einsum("ijkl,kl->ij", windows, h) for h in (filters, filters.T))
        slopes.append(np.sqrt(dx**2 + dy**2))
    similarity = (2 * slopes[0] * slopes[1] + 0.0026) / (slopes[0] ** 2 + slopes[1] ** 2 + 0.0026)
    return float(np.sqrt(np.mean((similarity - similarity.mean()) ** 2)))


def test_gmsd_is_that_of_its_definition():
    a = noise(3, 20, 24)
    b = (0.7 * a + 0.3 * noise(3, 20, 24, seed=1)).astype(np.float32)
    assert gmsd(a, b) == gmsd(b, a) == pytest.approx(gmsd_by_definition(a, b), abs=2e-4)
    assert 0.05 < gmsd(a, b) < 0.3
    assert gmsd(a, a) == 0


def test_gmsd_leaves_out_an_odd_row_and_column():
    a, b = noise(3, 21, 25), noise(3, 21, 25, seed=1)
    assert gmsd(a, b) == gmsd(a[:, :20, :24], b[:, :20, :24])
