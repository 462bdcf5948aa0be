"""The pictures that artifacts are calibrated on and measured with."""

import numpy as np
import pytest
from PIL import Image

from edge.errors import BadImage, BadInput
from edge.images.pictures import (
    PHOTOGRAPHS,
    baseline_pictures,
    built_in_pictures,
    folder_pictures,
    photograph,
    picture_files,
    sample_pictures,
    shrink,
)
from edge.images.pixels import to_float


def save_colours(folder, count: int, size: tuple[int, int] = (40, 30)) -> None:
    for number in range(count):
        Image.new("RGB", size, (number, 0, 0)).save(folder / f"{number:03}.png")


def reds(pictures) -> list[int]:
    return [round(255 * float(picture[0, 0, 0])) for picture in pictures]


def test_built_in_pictures_are_drawn_and_photographed():
    pictures = list(built_in_pictures())
    assert len(pictures) == 5 + len(PHOTOGRAPHS)
    for picture in pictures:
        assert picture.dtype == np.float32
        assert picture.shape[0] == 3 and min(picture.shape[1:]) >= 48
        assert picture.min() >= 0 and picture.max() <= 1
        assert picture.std() > 0.05
    assert all(map(np.array_equal, pictures, built_in_pictures()))


def test_what_measures_does_not_calibrate():
    calibrating = list(built_in_pictures())
    for _, picture in sample_pictures():
        size = picture.shape[1:]
        assert not any(np.array_equal(picture, other[:, : size[0], : size[1]]) for other in calibrating)
    assert "astronaut" not in PHOTOGRAPHS


def test_sample_pictures_have_room_for_a_core_ml_tile():
    assert [name for name, _ in sample_pictures()] == ["drawn screen", "photograph"]
    for _, picture in sample_pictures():
        assert picture.shape == (3, 128, 160)
        assert picture.std() > 0.1


@pytest.mark.parametrize("smallest", [0, 140, 200, 256])
def test_sample_pictures_grow_for_larger_tiles(smallest):
    for _, picture in sample_pictures(smallest):
        assert picture.shape == (3, max(128, smallest), max(160, smallest))


def test_photographs_are_read_as_colour():
    for name in (*PHOTOGRAPHS, "astronaut"):
        assert photograph(name).dtype == np.uint8
        assert photograph(name).shape[2] == 3


def test_picture_files_are_those_with_a_pictures_extension_by_name(tmp_path):
    for name in ("b.PNG", "a.jpeg", "c.txt", "d"):
        (tmp_path / name).write_text("")
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in picture_files(tmp_path)] == ["a.jpeg", "b.PNG"]


def test_a_small_folder_is_read_whole_and_a_large_one_evenly(tmp_path):
    save_colours(tmp_path, 25)
    assert reds(folder_pictures(tmp_path, 25)) == list(range(25))
    assert reds(folder_pictures(tmp_path, 100)) == list(range(25))
    assert reds(folder_pictures(tmp_path, 24)) == list(range(0, 25, 2))
    assert reds(folder_pictures(tmp_path, 4)) == [0, 7, 14, 21]
    assert reds(folder_pictures(tmp_path, 1)) == [0]


def test_a_damaged_picture_is_an_error(tmp_path):
    save_colours(tmp_path, 2)
    (tmp_path / "001.png").write_bytes(b"none")
    with pytest.raises(BadImage, match=r"001\.png"):
        list(folder_pictures(tmp_path, 10))


def test_a_baseline_takes_a_corner_and_the_middle_of_each_picture(tmp_path):
    y, x = np.mgrid[0:30, 0:40].astype(np.uint8)
    Image.fromarray(np.stack([y, x, 0 * x], -1)).save(tmp_path / "secret-name.png")
    (corner, corner_tile), (middle, middle_tile), *colours = baseline_pictures(tmp_path, 12)
    assert (corner, middle) == ("picture 1 (0, 0)", "picture 1 (9, 14)")
    u8 = np.stack([y, x, 0 * x])
    assert np.array_equal(corner_tile, to_float(u8[:, :12, :12]))
    assert np.array_equal(middle_tile, to_float(u8[:, 9:21, 14:26]))
    assert corner_tile.flags["C_CONTIGUOUS"]
    assert [name for name, _ in colours] == [f"pure colours {number}" for number in range(1, 28)]


def test_without_a_folder_a_baseline_takes_the_sample_pictures():
    tiles = baseline_pictures(None, 64)
    assert [name.partition(" (")[0] for name, _ in tiles] == [
        *(*["drawn screen"] * 2, *["photograph"] * 2),
        *("pure colours 1", "pure colours 2"),
    ]
    assert {tile.shape for _, tile in tiles} == {(3, 64, 64)}
    assert len({name for name, _ in tiles}) == 6


@pytest.mark.parametrize("tile", [0, 1, 10])
def test_tiles_too_small_for_ssim_are_refused(tile):
    with pytest.raises(BadInput, match=f"at least 11 pixels, the window of SSIM, found {tile}"):
        baseline_pictures(None, tile)


def test_pictures_smaller_than_the_tile_are_refused_by_name(tmp_path):
    save_colours(tmp_path, 1)
    with pytest.raises(BadInput, match="picture 1: expected at least 31x31 pixels, found 40x30"):
        baseline_pictures(tmp_path, 31)
    with pytest.raises(BadInput, match="drawn screen: expected at least 500x500 pixels, found 360x500"):
        baseline_pictures(None, 500)


def test_shrinking_cuts_what_does_not_divide():
    picture = np.random.default_rng(0).integers(0, 256, (11, 14, 3), dtype=np.uint8)
    expected = Image.fromarray(picture[:9, :12]).resize((4, 3), Image.Resampling.BICUBIC)
    assert np.array_equal(shrink(picture, 3), np.asarray(expected))
