"""What is no whole, single picture of a size that fits is refused in one line."""

import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
from image_files import (
    as_bytes,
    noise,
    png_claiming,
    unprivileged,
)
from PIL import Image, ImageFile

from edge.errors import BadImage
from edge.images.image_file import MAX_PIXELS, read_image


def assert_refused(path: Path, *words: str) -> None:
    with pytest.raises(BadImage) as caught:
        read_image(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: expected "), message
    assert ", found " in message, message
    assert "\n" not in message
    for word in words:
        assert word in message


def test_missing_file_is_refused(tmp_path):
    assert_refused(tmp_path / "gone.png", "no file there")


def test_folder_is_refused(tmp_path):
    assert_refused(tmp_path, "a folder")


def test_path_through_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert_refused(tmp_path / "file" / "a.png", "no file there")


def test_unreadable_file_is_refused():
    with unprivileged() as folder:
        Image.new("RGB", (2, 2)).save(folder / "a.png")
        (folder / "a.png").chmod(0)
        assert_refused(folder / "a.png", "may be read", "Permission denied")


def test_empty_file_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    assert_refused(tmp_path / "a.png", "an empty file")


@pytest.mark.parametrize(
    "content", [b"hello, world\n" * 9, b"%!PS-Adobe-3.0\n", b"P6 1 1 255 abc", b"\0" * 64]
)
def test_other_kinds_of_file_are_refused(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    assert_refused(tmp_path / "a.png", "PNG, JPEG, WEBP", "another kind of file")


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x24ftypheic", "HEIC"),
        (b"\0\0\0\x24ftypmif1", "HEIC"),
        (b"\xff\x0a", "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    ],
)
def test_pictures_that_nothing_here_decodes_are_named(tmp_path, head, kind):
    (tmp_path / "a.png").write_bytes(head + bytes(99))
    assert_refused(tmp_path / "a.png", f"found {kind}, for which nothing here has a decoder")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.bmp", "a.tiff", "a.gif"])
def test_truncated_pictures_are_refused_wherever_they_end(tmp_path, name):
    image = Image.fromarray(noise(24, 24))
    image.save(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    for tenth in range(1, 10):
        (tmp_path / name).write_bytes(content[: len(content) * tenth // 10])
        assert_refused(tmp_path / name)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tiff", "a.gif"])
def test_damaged_pictures_read_or_are_refused_and_nothing_else(tmp_path, name):
    Image.fromarray(noise(9, 9)).save(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(150):
        damaged = bytearray(content)
        for position in rng.integers(0, len(content), 3):
            damaged[position] = rng.integers(0, 256)
        (tmp_path / name).write_bytes(damaged)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                read_image(tmp_path / name)
            except BadImage as error:
                refused += 1
                assert "\n" not in str(error)
    assert refused > 0


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0), (0, 0)])
def test_pictures_without_pixels_are_refused(tmp_path, width, height):
    (tmp_path / "a.png").write_bytes(png_claiming(width, height))
    assert_refused(tmp_path / "a.png")


@pytest.mark.parametrize("save_all", ["a.gif", "a.webp", "a.png", "a.tiff"])
def test_several_frames_are_refused_and_counted(tmp_path, save_all):
    frames = [Image.fromarray(noise(4, 4, seed=seed)) for seed in range(3)]
    frames[0].save(tmp_path / save_all, save_all=True, append_images=frames[1:])
    assert_refused(tmp_path / save_all, "a single picture", "3 frames")


def bmp_claiming(width: int, height: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + 99, 0, 0, 54) + header + bytes(99)


def test_a_bomb_is_refused_with_its_pixels_and_the_limit(tmp_path):
    (tmp_path / "a.bmp").write_bytes(bmp_claiming(60_000, 60_000))
    assert_refused(tmp_path / "a.bmp", "3600000000", str(MAX_PIXELS), "row by row")


@pytest.mark.parametrize("interlace", [0, 1])
def test_a_png_that_claims_more_than_it_has_is_refused(tmp_path, interlace):
    (tmp_path / "a.png").write_bytes(png_claiming(60_000, 60_000, interlace))
    assert_refused(tmp_path / "a.png", "row by row" if interlace else "damaged")


def test_a_picture_just_above_the_limit_is_refused_without_a_warning(tmp_path):
    (tmp_path / "a.bmp").write_bytes(bmp_claiming(MAX_PIXELS + 1, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_refused(tmp_path / "a.bmp", f"{MAX_PIXELS + 1}x1", str(MAX_PIXELS))


@pytest.mark.parametrize("pillows", [None, 10])
def test_the_limit_does_not_depend_on_pillows(tmp_path, monkeypatch, pillows):
    (tmp_path / "a.bmp").write_bytes(bmp_claiming(60_000, 60_000))
    Image.fromarray(noise(9, 9)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pillows)
    assert_refused(tmp_path / "a.bmp", "3600000000", str(MAX_PIXELS))
    assert np.array_equal(as_bytes(read_image(tmp_path / "a.png")), noise(9, 9))


def test_pixels_without_a_known_range_are_refused(tmp_path):
    Image.fromarray(np.ones((2, 2), np.float32)).save(tmp_path / "a.tiff")
    assert_refused(tmp_path / "a.tiff", "mode F")
