"""Every pure colour is where int8 is calibrated, and with other neighbours where it is measured."""

import itertools

import numpy as np
import pytest

from edge.check.comparison import compare
from edge.images.extremes import (
    COLOURS,
    CORNERS,
    EXTREME_SIDE,
    FIRST_SHEET,
    N_STROKES,
    PATCH,
    PATTERN,
    SHEET,
    TILE,
    calibration_extremes,
    calibration_patterns,
    colour_page,
    colour_tiles,
    pattern_page,
)
from edge.images.pictures import N_SHEETS
from edge.images.pixels import planes_of
from models.drawings import draw_sheet


def assert_every_colour_has_a_flat_block(pictures: list[np.ndarray]) -> None:
    """At ×2: an error in one colour alone is an error of a flat area."""
    for colour in COLOURS:
        worst = 0.0
        for page in pictures:
            here = (page == (np.float32(colour) / np.float32(255))[:, None, None]).all(0)
            if not here.any():
                continue
            large = page.repeat(2, axis=1).repeat(2, axis=2)
            here = here.repeat(2, axis=0).repeat(2, axis=1)
            off = large.copy()
            off[:, here] = off[:, here] * np.float32(0.8) + np.float32(0.15)
            worst = max(worst, compare("page", off, large, page).worst_flat)
        assert worst > 5, colour


def test_each_of_27_colours_calibrates_by_itself():
    flat = [tile[0] for tile in calibration_extremes() if not np.ptp(tile, axis=(2, 3)).any()]
    assert [tuple((255 * tile[:, 0, 0]).round().astype(int)) for tile in flat] == list(COLOURS)
    assert len(set(COLOURS)) == 27


def test_the_page_that_is_measured_has_a_flat_block_of_every_colour():
    assert_every_colour_has_a_flat_block([colour_page(EXTREME_SIDE)])


@pytest.mark.parametrize("side", [11, 19, 20, 31, 32, 48, 64, 96, 128])
def test_so_have_the_tiles_of_a_baseline_whatever_their_side(side):
    tiles = colour_tiles(side)
    assert {tile.shape for tile in tiles} == {(3, side, side)}
    assert_every_colour_has_a_flat_block(tiles)
    assert all(map(np.array_equal, tiles, colour_tiles(side)))


def test_three_tiles_of_32_pixels_are_enough():
    assert [len(colour_tiles(side)) for side in (19, 20, 32, 64, 68)] == [27, 7, 3, 2, 1]


def roughness(picture: np.ndarray) -> float:
    return sum(float(np.abs(np.diff(picture, axis=axis)).sum()) for axis in (1, 2))


def test_the_finest_strokes_of_sheets_that_are_no_pictures_calibrate():
    assert FIRST_SHEET >= N_SHEETS
    strokes = [tile[0] for tile in calibration_extremes()[-N_STROKES:]]
    for seed, stroke in enumerate(strokes, FIRST_SHEET):
        sheet = planes_of(draw_sheet(*SHEET, seed))
        corners = itertools.product(range(0, SHEET[0], TILE), range(0, SHEET[1], TILE))
        tiles = [sheet[:, top : top + TILE, left : left + TILE] for top, left in corners]
        assert any(np.array_equal(stroke, tile) for tile in tiles)
        assert roughness(stroke) >= 0.999 * max(map(roughness, tiles))  # float sums


def test_what_measures_has_other_neighbours_than_what_calibrates():
    calibrating = [tile[0] for tile in calibration_extremes() if np.ptp(tile, axis=(2, 3)).any()]
    for tile in (*colour_tiles(32), colour_page(32)):
        assert not any(np.array_equal(tile, other) for other in calibrating)


def test_a_page_is_the_same_every_time_and_large_enough():
    for side in (1, 32, 96, 100):
        page = colour_page(side)
        assert page.shape[1] == page.shape[2] >= side
        assert page.dtype == np.float32 and page.min() >= 0 and page.max() <= 1
        assert np.array_equal(page, colour_page(side))


PAIRS = {frozenset(pair) for pair in itertools.combinations(CORNERS, 2)}


def patterns_of(picture: np.ndarray, patch: int) -> dict[str, set]:
    """By kind the two colours of each of its patches of patterns of single pixels."""
    page = (255 * picture).round().astype(int).transpose(1, 2, 0)
    found = {"checks": set(), "rows": set(), "columns": set()}
    for top, left in itertools.product(range(0, len(page), patch), repeat=2):
        here = page[top : top + patch, left : left + patch]
        first, right, below = (frozenset([tuple(here[at])]) for at in ((0, 0), (0, 1), (1, 0)))
        kind = "checks" if first != right == below else "rows" if first == right else "columns"
        found[kind].add(first | right | below)
        assert np.array_equal(here[2:], here[:-2]) and np.array_equal(here[:, 2:], here[:, :-2])
    return found


def test_the_page_of_patterns_has_checks_of_every_two_corners_of_the_cube():
    found = patterns_of(pattern_page(EXTREME_SIDE), PATCH)
    assert found["checks"] == PAIRS
    assert len(found["rows"]) == len(found["columns"]) == 4


def test_so_have_the_tiles_of_patterns_that_calibrate():
    tiles = calibration_patterns()
    assert {tile.shape for tile in tiles} == {(1, 3, TILE, TILE)}
    assert set.union(*(patterns_of(tile[0], PATTERN)["checks"] for tile in tiles)) == PAIRS
