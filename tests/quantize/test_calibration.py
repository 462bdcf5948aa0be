"""Calibration tiles lie inside their pictures, at the same places for the same seed."""

import numpy as np
import pytest
import torch
from torch import nn

from quantize.calibration import cut_tiles, mean_log_range, select_tiles, tiles_by_picture


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


def values(*pictures: list[int]) -> list[list[np.ndarray]]:
    """Tiles of one value each, picture by picture."""
    return [[np.full((1, 3, 2, 2), value, np.float32) for value in picture] for picture in pictures]


def chosen(pictures: list[list[np.ndarray]], keep: int, per_picture: int) -> list[int]:
    return [int(t[0, 0, 0, 0]) for t in select_tiles(pictures, keep, per_picture, lambda t: float(t.max()))]


def test_the_tiles_with_the_highest_scores_are_kept_wherever_they_come():
    assert chosen(values([3, 9, 1], [2], [8, 4]), 3, 5) == [9, 8, 4]
    assert chosen(values([1, 2], [3]), 9, 5) == [3, 2, 1]


def test_no_picture_takes_all_places():
    assert chosen(values([9, 8, 7], [1, 2], [3]), 4, 2) == [9, 8, 3, 2]


def test_of_equal_scores_the_earlier_is_kept():
    tiles = values([5, 5], [5])
    kept = select_tiles(tiles, 2, 2, lambda tile: 0.0)
    assert kept[0] is tiles[0][0] and kept[1] is tiles[0][1]


def test_pictures_pass_by_one_at_a_time():
    alive = []

    def pictures():
        for number in range(50):
            alive.append(number)
            yield values([number])[0]

    tiles = select_tiles(pictures(), 3, 1, lambda tile: float(tile.max()) - 100 * (len(alive) < 40))
    assert [int(tile.max()) for tile in tiles] == [49, 48, 47]


def test_tiles_come_picture_by_picture_at_the_same_places_as_all_at_once():
    pictures = [coordinates(20, 30), coordinates(7, 90), coordinates(13, 9)]
    apart = [tile for tiles in tiles_by_picture(iter(pictures), 8, 5) for tile in tiles]
    assert np.array_equal(np.stack(apart), np.stack(cut_tiles(pictures, 8, 5)))


def test_reach_grows_by_the_logarithm_of_what_comes_in_and_black_reaches_least():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.ReLU(), nn.Conv2d(4, 2, 1, bias=False))
    x = torch.rand(1, 3, 8, 8)
    assert mean_log_range(net, 10 * x) - mean_log_range(net, x) == pytest.approx(np.log(10), abs=1e-4)
    assert mean_log_range(net, 0 * x) < mean_log_range(net, 1e-6 * x)
    assert not net[0]._forward_hooks
