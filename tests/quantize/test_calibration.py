"""Calibration tiles lie inside their pictures, at the same places for the same seed."""

import numpy as np
import pytest

from quantize.calibration import cut_tiles


def coordinates(height: int, width: int) -> np.ndarray:
    """A picture whose pixels are their own row, column and picture."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.stack([y, x, np.full_like(x, height)])


def test_tiles_are_windows_of_their_pictures():
    pictures = [coordinates(20, 30), coordinates(13, 9), coordinates(8, 8)]
    tiles = cut_tiles(pictures, 8, 5)
    assert len(tiles) == 15
    for number, tile in enumerate(tiles):
        assert tile.shape == (1, 3, 8, 8)
        assert tile.dtype == np.float32
        assert tile.flags["C_CONTIGUOUS"]
        top, left = (int(v) for v in tile[0, :2, 0, 0])
        picture = pictures[number // 5]
        assert np.array_equal(tile[0], picture[:, top : top + 8, left : left + 8])


def test_every_place_can_be_drawn_the_last_ones_too():
    tiles = cut_tiles([coordinates(10, 9)], 8, 200)
    assert {tuple(tile[0, :2, 0, 0]) for tile in tiles} == {(y, x) for y in range(3) for x in range(2)}


def test_the_same_seed_draws_the_same_places_and_another_one_others():
    pictures = [coordinates(50, 60)]
    first, again, other = (np.stack(cut_tiles(pictures, 8, 6, seed)) for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_smaller_pictures_are_left_out():
    tiles = cut_tiles([coordinates(7, 90), coordinates(90, 7), coordinates(9, 9)], 8, 2)
    assert [int(tile[0, 2, 0, 0]) for tile in tiles] == [9, 9]


@pytest.mark.parametrize(
    ("pictures", "found"),
    [([], "no pictures"), ([coordinates(30, 7), coordinates(6, 5)], "sides down to 5")],
)
def test_pictures_without_room_for_a_tile_are_an_error(pictures, found):
    with pytest.raises(ValueError, match=f"at least 8x8 pixels to calibrate on, found {found}"):
        cut_tiles(iter(pictures), 8, 2)
