import struct
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from image_files import (
    as_bytes,
    cmyk_profile_that_prints_cyan_as_red,
    linear_grey_profile,
    noise,
    png_chunk,
    png_claiming,
    smooth,
    srgb_profile,
    unprivileged,
)
from PIL import Image, ImageFile

from edge.errors import BadImage
from edge.images.file_rows import FileRows
from edge.images.image_file import MAX_PIXELS, read_image
from edge.images.pixels import to_float, to_uint8


def assert_refused(path: Path, *words: str) -> None:
    with pytest.raises(BadImage) as caught:
        read_image(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: expected "), message
    assert ", found " in message, message
    assert "\n" not in message
    for word in words:
        assert word in message


# Pixels


def test_every_byte_survives_the_way_through_floats():
    u8 = np.arange(256, dtype=np.uint8)
    floats = to_float(u8)
    assert floats.dtype == np.float32
    assert np.array_equal(floats, np.array([np.float32(v) / np.float32(255) for v in range(256)]))
    assert np.array_equal(to_uint8(floats), u8)


def test_halves_round_to_the_even_byte():
    halves = ((np.arange(255) + 0.5) / 255).astype(np.float32)
    exact = halves[halves * np.float32(255) == np.arange(255, dtype=np.float32) + np.float32(0.5)]
    rounded = to_uint8(exact)
    assert len(exact) > 100
    assert (rounded % 2 == 0).all()
    down = rounded < exact * np.float32(255)
    assert down.any() and not down.all()


def test_values_outside_the_range_clamp():
    values = np.array([-np.inf, -3, -1e-9, 1.0001, 7, np.inf], np.float32)
    assert to_uint8(values).tolist() == [0, 0, 0, 255, 255, 255]


def test_nan_is_refused_and_counted():
    with pytest.raises(BadImage, match="NaN in 2 of 4"):
        to_uint8(np.array([0.5, np.nan, np.nan, 1], np.float32))


# Reading what is a picture


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tiff", "a.webp"])
def test_rgb_reads_as_its_bytes_over_255(tmp_path, name):
    u8 = noise(5, 7)
    Image.fromarray(u8).save(tmp_path / name, **({"lossless": True} if name == "a.webp" else {}))
    picture = read_image(tmp_path / name)
    assert picture.rgb.dtype == np.float32
    assert picture.rgb.flags["C_CONTIGUOUS"]
    assert picture.size == (5, 7)
    assert np.array_equal(picture.rgb, to_float(u8).transpose(2, 0, 1))
    assert picture.alpha is None
    assert picture.icc_profile is None


def test_an_extension_that_lies_does_not_matter(tmp_path):
    Image.fromarray(noise(3, 4)).save(tmp_path / "a.jpg", "PNG")
    assert np.array_equal(as_bytes(read_image(tmp_path / "a.jpg")), noise(3, 4))


def test_a_picture_of_one_pixel_reads(tmp_path):
    Image.new("RGB", (1, 1), (1, 2, 3)).save(tmp_path / "a.png")
    assert as_bytes(read_image(tmp_path / "a.png")).tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize(("mode", "channels"), [("RGBA", 4), ("LA", 2)])
def test_alpha_is_read_apart_from_the_colours(tmp_path, mode, channels):
    u8 = noise(4, 6, channels)
    Image.fromarray(u8, mode=mode if mode == "RGBA" else None).save(tmp_path / "a.png")
    picture = read_image(tmp_path / "a.png")
    colours = u8[:, :, :3] if mode == "RGBA" else np.repeat(u8[:, :, :1], 3, axis=2)
    assert np.array_equal(as_bytes(picture), colours)
    assert np.array_equal(picture.alpha, to_float(u8[:, :, -1]))


def test_an_alpha_channel_that_is_opaque_everywhere_is_none(tmp_path):
    Image.new("RGBA", (3, 2), (9, 8, 7, 255)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").alpha is None


def test_one_transparent_colour_becomes_alpha(tmp_path):
    u8 = np.array([[[1, 2, 3], [200, 100, 0]]], np.uint8)
    Image.fromarray(u8).save(tmp_path / "a.png", transparency=(200, 100, 0))
    picture = read_image(tmp_path / "a.png")
    assert picture.alpha.tolist() == [[1, 0]]
    assert np.array_equal(as_bytes(picture), u8)


def test_grey_becomes_three_equal_channels(tmp_path):
    u8 = noise(4, 5, 1)[:, :, 0]
    Image.fromarray(u8).save(tmp_path / "a.png")
    assert np.array_equal(as_bytes(read_image(tmp_path / "a.png")), np.repeat(u8[:, :, None], 3, axis=2))


def test_one_bit_is_black_and_white(tmp_path):
    Image.fromarray(np.array([[True, False, True]])).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "1"
    assert read_image(tmp_path / "a.png").rgb[1].tolist() == [[1, 0, 1]]


def palette_picture() -> Image.Image:
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    image.putdata([2, 0, 1])
    return image


def test_palette_indices_become_their_colours(tmp_path):
    palette_picture().save(tmp_path / "a.png")
    picture = read_image(tmp_path / "a.png")
    assert as_bytes(picture).tolist() == [[[70, 80, 90], [10, 20, 30], [40, 50, 60]]]
    assert picture.alpha is None


@pytest.mark.parametrize("transparency", [1, b"\xff\x00\xff"])
def test_transparent_palette_entries_become_alpha(tmp_path, transparency):
    palette_picture().save(tmp_path / "a.png", transparency=transparency)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = read_image(tmp_path / "a.png")
    assert picture.alpha.tolist() == [[1, 1, 0]]
    assert as_bytes(picture)[0, :2].tolist() == [[70, 80, 90], [10, 20, 30]]


def test_a_gif_of_one_frame_is_a_picture(tmp_path):
    palette_picture().save(tmp_path / "a.gif")
    assert as_bytes(read_image(tmp_path / "a.gif")).tolist() == [[[70, 80, 90], [10, 20, 30], [40, 50, 60]]]


@pytest.mark.parametrize("name", ["a.png", "a.tiff"])
def test_sixteen_bit_grey_keeps_its_sixteen_bits(tmp_path, name):
    u16 = np.array([[0, 1, 255, 256], [32768, 40000, 65534, 65535]], np.uint16)
    Image.fromarray(u16).save(tmp_path / name)
    picture = read_image(tmp_path / name)
    assert np.array_equal(picture.rgb, np.repeat((u16 / np.float32(65535)).astype(np.float32)[None], 3, 0))
    assert picture.alpha is None


def test_sixteen_bit_grey_with_a_transparent_value_has_alpha(tmp_path):
    Image.fromarray(np.array([[300, 301]], np.uint16)).save(tmp_path / "a.png", transparency=301)
    assert read_image(tmp_path / "a.png").alpha.tolist() == [[1, 0]]


@pytest.mark.parametrize(("name", "tolerance"), [("a.tiff", 0), ("a.jpg", 8)])
def test_cmyk_without_a_profile_is_ink_on_white(tmp_path, name, tolerance):
    Image.new("CMYK", (16, 16), (255, 0, 0, 0)).save(tmp_path / name)
    cyan = as_bytes(read_image(tmp_path / name)).astype(int)
    assert abs(cyan - [0, 255, 255]).max() <= tolerance


def test_cmyk_goes_through_its_profile(tmp_path):
    profile = cmyk_profile_that_prints_cyan_as_red()
    Image.new("CMYK", (4, 4), (255, 0, 0, 0)).save(tmp_path / "a.tiff", icc_profile=profile)
    picture = read_image(tmp_path / "a.tiff")
    red, green, blue = as_bytes(picture)[0, 0]
    assert red > 200 and green < 60 and blue < 60
    assert picture.icc_profile is None


def test_grey_goes_through_its_profile(tmp_path):
    Image.new("L", (4, 4), 128).save(tmp_path / "a.png", icc_profile=linear_grey_profile())
    picture = read_image(tmp_path / "a.png")
    assert abs(as_bytes(picture).astype(int) - 188).max() <= 1  # linear 0.5 in sRGB
    assert picture.icc_profile is None


def test_the_profile_of_an_rgb_picture_is_kept_and_its_colours_too(tmp_path):
    profile = srgb_profile()
    Image.fromarray(noise(3, 3)).save(tmp_path / "a.png", icc_profile=profile)
    picture = read_image(tmp_path / "a.png")
    assert picture.icc_profile == profile
    assert np.array_equal(as_bytes(picture), noise(3, 3))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_picture_upright(tmp_path, orientation):
    upright = noise(2, 3)
    stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation](upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(as_bytes(read_image(tmp_path / "a.png")), upright)


def test_the_preview_behind_a_phones_photo_is_passed_over(tmp_path):
    photo, preview = Image.fromarray(smooth(16, 24)), Image.new("RGB", (8, 8))
    photo.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[preview], quality=100)
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.n_frames == 2
    assert read_image(tmp_path / "a.jpg").size == (16, 24)


# Reading what is none


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


# Reading row by row


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


def test_pixels_without_a_known_range_are_refused(tmp_path):
    Image.fromarray(np.ones((2, 2), np.float32)).save(tmp_path / "a.tiff")
    assert_refused(tmp_path / "a.tiff", "mode F")
