"""Row by row, a file is the picture that it is as a whole."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from image_files import (
    noise,
    png_chunk,
    smooth,
)
from PIL import Image

from edge.errors import BadImage
from edge.images.file_rows import FileRows
from edge.images.image_file import read_image


def saved(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


SMOOTH = Image.fromarray(smooth(150, 70))


@pytest.mark.parametrize(
    ("name", "image", "options"),
    [
        ("rgb.png", SMOOTH, {}),
        ("grey.png", SMOOTH.convert("L"), {}),
        ("one-bit.png", SMOOTH.convert("1"), {}),
        ("two-bits.png", SMOOTH.convert("L").quantize(4), {"bits": 2}),
        ("palette.png", SMOOTH.quantize(30), {}),
        ("clear-palette.png", SMOOTH.quantize(30), {"transparency": 3}),
        ("rgba.png", Image.fromarray(noise(150, 70, 4)), {}),
        ("opaque.png", SMOOTH.convert("RGBA"), {}),
        ("la.png", Image.fromarray(noise(150, 70, 2), "LA"), {}),
        ("clear-colour.png", SMOOTH, {"transparency": (0, 0, 255)}),
        ("sixteen.png", Image.fromarray(noise(150, 70, 2).view(np.uint16)[:, :, 0]), {}),
        ("444.jpg", SMOOTH, {"subsampling": 0}),
        ("420.jpg", SMOOTH, {"quality": 50}),
        ("grey.jpg", SMOOTH.convert("L"), {}),
        ("rgb.tif", SMOOTH, {}),
        ("lzw.tif", SMOOTH, {"compression": "tiff_lzw"}),
        ("white-is-zero.tif", SMOOTH.convert("L"), {"tiffinfo": {262: 0}}),
        ("rgba.tif", Image.fromarray(noise(150, 70, 4)), {"compression": "tiff_adobe_deflate"}),
        ("one-bit.tif", SMOOTH.convert("1"), {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_rows_are_those_of_the_whole(tmp_path, name, image, options):
    path = saved(tmp_path / name, image, **options)
    held, read = read_image(path), read_image(path, held=0)
    assert isinstance(held.strips, tuple) and isinstance(read.strips, FileRows)
    assert len(list(read.strips)) == 3
    assert np.array_equal(held.samples, read.samples)
    assert replace(held, strips=()) == replace(read, strips=())


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_tiff_may_be_one_strip_which_is_held_if_it_is_compressed(tmp_path, compression):
    samples = noise(5000, 4000)
    tifffile.imwrite(
        tmp_path / "a.tif",
        samples,
        rowsperstrip=5000,
        photometric="rgb",
        compression=compression,
        compressionargs={"level": 0} if compression else None,
    )
    read = read_image(tmp_path / "a.tif", held=0)
    assert isinstance(read.strips, FileRows)
    assert read.strips.block == pytest.approx(samples.size if compression else 0, rel=0.01)
    assert np.array_equal(read.samples, samples)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_rows_are_upright_and_say_what_the_whole_says(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[0x0112], exif[271] = orientation, "ACME"
    path = saved(tmp_path / f"a.{suffix}", SMOOTH, exif=exif, dpi=(300, 150))
    held, read = read_image(path), read_image(path, held=0)
    assert read.size == held.size
    assert np.array_equal(held.samples, read.samples)
    assert b"ACME" in read.metadata.exif
    if suffix != "tif":  # these Pillow turns while it loads them, but for their resolution
        assert held.metadata == read.metadata
    assert read.metadata.dpi == pytest.approx((300, 150) if orientation < 5 else (150, 300), abs=0.02)


def test_what_a_png_says_after_its_pixels_is_heard_without_decoding_them(tmp_path):
    path = saved(tmp_path / "a.png", SMOOTH)
    content = path.read_bytes()
    end = content.index(b"IEND") - 4
    path.write_bytes(content[:end] + png_chunk(b"tEXt", b"Title\0late") + content[end:])
    assert read_image(path, held=0).metadata.texts == (("Title", "late"),)
    assert read_image(path).metadata.texts == (("Title", "late"),)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_a_damaged_file_is_refused_before_its_rows_are_used(tmp_path, name):
    content = saved(tmp_path / name, Image.fromarray(noise(150, 70))).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(BadImage, match="expected a whole picture, found a damaged one"):
        read_image(tmp_path / name, held=0)


@pytest.mark.parametrize(
    ("name", "options"),
    [("a.jpg", {"progressive": True}), ("a.webp", {"lossless": True}), ("a.bmp", {}), ("a.gif", {})],
)
def test_what_no_decoder_reads_row_by_row_is_held(tmp_path, name, options):
    picture = read_image(saved(tmp_path / name, SMOOTH, **options), held=0)
    assert isinstance(picture.strips, tuple)
