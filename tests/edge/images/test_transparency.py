"""Colours under clear pixels, and the alpha of an enlargement."""

import numpy as np
import pytest

from edge.images.transparency import FILL_REACH, alpha_range, fill_clear, limit_alpha


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, np.float32)


def test_clear_pixels_take_the_colour_of_the_nearest_visible_ones():
    rgb, alpha = np.zeros((3, 12, 15), np.float32), np.zeros((12, 15), np.float32)
    colour = np.float32([0.9, 0.5, 0.1])[:, None, None]
    rgb[:, 2:6, 3:7], alpha[2:6, 3:7] = colour, 1
    np.testing.assert_allclose(fill_clear(rgb, alpha), np.broadcast_to(colour, rgb.shape), atol=1e-6)


def test_a_clear_pixel_between_two_colours_takes_their_mean_and_visible_ones_stay():
    rgb, alpha = np.float32([[[0, 0.7, 1]]] * 3), np.float32([[1, 0, 0.01]])
    filled = fill_clear(rgb, alpha)
    assert filled[:, 0].tolist() == [[0, 0.5, 1]] * 3


def test_what_lies_under_clear_pixels_makes_no_difference():
    alpha = (noise(20, 30) > 0.7).astype(np.float32)
    first, second = noise(3, 20, 30), noise(3, 20, 30)
    second[:, alpha == 0] = 0
    assert np.array_equal(fill_clear(first, alpha), fill_clear(second, alpha))


def test_far_from_everything_visible_nothing_is_filled():
    rgb, alpha = np.zeros((3, 1, 100), np.float32), np.zeros((1, 100), np.float32)
    rgb[:, 0, 0], alpha[0, 0] = 1, 1
    filled = fill_clear(rgb, alpha)[0, 0]
    assert (filled[: FILL_REACH + 1] == 1).all() and (filled[FILL_REACH + 1 :] == 0).all()


@pytest.mark.parametrize("everywhere", [0, 0.5, 1])
def test_a_picture_that_is_clear_or_visible_everywhere_stays_as_it_is(everywhere):
    rgb = noise(3, 5, 7)
    assert np.array_equal(fill_clear(rgb, np.full((5, 7), everywhere, np.float32)), rgb)


def sources(size: tuple[int, int]) -> list[np.ndarray]:
    """In which rows and columns of 9x8 pixels the centres of an output of ``size`` lie."""
    return [
        (2 * np.arange(n_out) + 1) * n_in // (2 * n_out) for n_in, n_out in zip((9, 8), size, strict=True)
    ]


@pytest.mark.parametrize("size", [(18, 16), (12, 11), (27, 40), (9, 8)])
def test_alpha_stays_within_the_nine_pixels_around_its_own(size):
    alpha = noise(9, 8)
    low, high = alpha_range(alpha, *sources(size))
    assert low.shape == high.shape == size
    for i, j in np.ndindex(size):
        y, x = int((i + 0.5) * 9 / size[0]), int((j + 0.5) * 8 / size[1])
        near = alpha[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
        assert low[i, j] == near.min() and high[i, j] == near.max()


def test_a_part_of_the_range_is_that_of_the_whole():
    alpha = noise(9, 8)
    rows, columns = sources((18, 16))
    whole = alpha_range(alpha, rows, columns)
    part = alpha_range(alpha, rows[3:11], columns[5:])
    assert all(np.array_equal(a[3:11, 5:], b) for a, b in zip(whole, part, strict=True))


def test_beside_a_hard_edge_what_is_nearly_clear_or_opaque_is_so_and_a_soft_one_stays():
    low, high = np.float32([0, 0, 0, 0, 0.3]), np.float32([1, 1, 1, 1, 0.4])
    limited = limit_alpha(np.float32([-0.1, 0.02, 0.98, 0.5, 0.31]), (low, high))
    assert limited.tolist() == np.float32([0, 0, 1, 0.5, 0.31]).tolist()
