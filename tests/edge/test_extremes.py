"""Every pure colour is where int8 is calibrated, and with other neighbours where it is measured."""

import numpy as np

from edge.check import compare
from edge.extremes import COLOURS, calibration_extremes, colour_page
from edge.pipeline import EXTREME_SIDE


def test_each_of_27_colours_calibrates_by_itself():
    flat = [tile[0] for tile in calibration_extremes() if not np.ptp(tile, axis=(2, 3)).any()]
    assert [tuple((255 * tile[:, 0, 0]).round().astype(int)) for tile in flat] == list(COLOURS)
    assert len(set(COLOURS)) == 27


def test_the_page_that_is_measured_has_a_flat_block_of_every_colour():
    page = colour_page(EXTREME_SIDE)
    large = page.repeat(2, axis=1).repeat(2, axis=2)
    for colour in COLOURS:
        here = (page == (np.float32(colour) / np.float32(255))[:, None, None]).all(0)
        here = here.repeat(2, axis=0).repeat(2, axis=1)
        off = large.copy()
        off[:, here] = off[:, here] * np.float32(0.8) + np.float32(0.15)
        assert compare("page", off, large, page).worst_flat > 5


def test_a_page_is_the_same_every_time_and_large_enough():
    for side in (1, 32, 96, 100):
        page = colour_page(side)
        assert page.shape[1] == page.shape[2] >= side
        assert page.dtype == np.float32 and page.min() >= 0 and page.max() <= 1
        assert np.array_equal(page, colour_page(side))
