"""Which files of a folder are pictures, and what training reads of them."""

import numpy as np
import pytest
from PIL import Image

from models.errors import DataError
from models.picture_files import SUFFIXES, picture_files
from models.pictures import read_picture


def test_the_pictures_of_a_folder_are_those_in_it_by_name(tmp_path):
    (tmp_path / "deeper.png").mkdir()
    for name in ("b.PNG", "a.jpeg", "c.txt", "d", "deeper.png/e.png"):
        (tmp_path / name).write_text("")
    assert [path.name for path in picture_files(tmp_path)] == ["a.jpeg", "b.PNG"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_kind_that_is_found_can_be_read(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    Image.new("RGB", (4, 3), (255, 255, 255)).save(path)
    assert picture_files(tmp_path) == [path]
    assert np.array_equal(read_picture(path), np.full((3, 4, 3), 255))


def test_16_bit_grey_keeps_its_brightness(tmp_path):
    values = np.array([[0, 257, 128 * 257 + 100], [65_535, 129, 128]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.tif")
    grey = np.array([[0, 1, 128], [255, 1, 0]])
    assert np.array_equal(read_picture(tmp_path / "a.tif"), np.repeat(grey[..., None], 3, axis=2))


def test_pixels_without_a_known_range_are_refused(tmp_path):
    Image.fromarray(np.ones((2, 2), np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(DataError, match=r"a\.tiff: expected 8-bit colours .*, found mode F"):
        read_picture(tmp_path / "a.tiff")


def test_a_damaged_picture_is_named(tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"broken\.png: expected a picture"):
        read_picture(tmp_path / "broken.png")


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(DataError, match="found none"):
        picture_files(tmp_path)
    with pytest.raises(DataError, match="found nothing there"):
        picture_files(tmp_path / "absent")
