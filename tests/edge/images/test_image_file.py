import contextlib
import os
import resource
import shutil
import struct
import tempfile
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile

from edge.errors import BadImage, BadInput, OutputExists
from edge.images.image_file import (
    MAX_PIXELS,
    Picture,
    check_output,
    read_image,
    to_float,
    to_uint8,
    write_image,
)

NOBODY = 65534  # the unprivileged user of every Linux and macOS


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)


def smooth(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 // width, y * 255 // height, 255 - x * 255 // width], -1).astype(np.uint8)


def as_bytes(picture: Picture) -> np.ndarray:
    """(H, W, 3) uint8, the way that Pillow and the eye have it."""
    return to_uint8(picture.rgb).transpose(1, 2, 0)


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_claiming(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = png_chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + body + png_chunk(b"IEND", b"")


def icc_profile(kind: bytes, space: bytes, pcs: bytes, tags: dict[bytes, bytes]) -> bytes:
    """The smallest ICC version 2 profile with these tags."""
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, body in tags.items():
        table += name + struct.pack(">II", start + len(data), len(body))
        data += body + b"\0" * (-len(body) % 4)
    white = struct.pack(">iii", 63190, 65536, 54061)  # D50, s15Fixed16
    header = struct.pack(
        ">I4sI4s4s4s12s4s", start + len(data), b"", 0x02400000, kind, space, pcs, b"", b"acsp"
    )
    return header + b"\0" * (68 - len(header)) + white + b"\0" * 48 + table + data


def linear_grey_profile() -> bytes:
    white = b"XYZ \0\0\0\0" + struct.pack(">iii", 63190, 65536, 54061)
    return icc_profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": white, b"kTRC": b"curv" + b"\0" * 8})


def cmyk_profile_that_prints_cyan_as_red() -> bytes:
    identity = bytes(range(256))
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    paper, red, black = bytes((255, 128, 128)), bytes((138, 208, 195)), bytes((0, 128, 128))  # Lab
    # Corners of the ink cube, C turning slowest and K fastest.
    grid = b"".join(black if corner & 1 else red if corner & 8 else paper for corner in range(16))
    lut = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + matrix + identity * 4 + grid + identity * 3
    return icc_profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": lut})


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@contextlib.contextmanager
def unprivileged() -> Iterator[Path]:
    """A folder to work in, as a user whom permissions bind: they do not bind root."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    user = os.geteuid()
    try:
        if user == 0:
            try:
                os.seteuid(NOBODY)
            except OSError:
                pytest.skip("needs a user other than root, and this system has none to lend")
        yield folder
    finally:
        os.seteuid(user)
        folder.chmod(0o777)
        shutil.rmtree(folder)


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


def test_a_bomb_is_refused_with_its_pixels_and_the_limit(tmp_path):
    (tmp_path / "a.png").write_bytes(png_claiming(60_000, 60_000))
    assert_refused(tmp_path / "a.png", "3600000000", str(MAX_PIXELS))


def test_a_picture_just_above_the_limit_is_refused_without_a_warning(tmp_path):
    (tmp_path / "a.png").write_bytes(png_claiming(MAX_PIXELS + 1, 1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_refused(tmp_path / "a.png", f"{MAX_PIXELS + 1}x1", str(MAX_PIXELS))


def test_the_limit_does_not_depend_on_pillows(tmp_path):
    (tmp_path / "a.png").write_bytes(png_claiming(60_000, 60_000))
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        assert_refused(tmp_path / "a.png", "3600000000", str(MAX_PIXELS))
    finally:
        Image.MAX_IMAGE_PIXELS = before


def test_pixels_without_a_known_range_are_refused(tmp_path):
    Image.fromarray(np.ones((2, 2), np.float32)).save(tmp_path / "a.tiff")
    assert_refused(tmp_path / "a.tiff", "mode F")


# Before writing


def test_a_free_path_passes(tmp_path):
    for name in ("a.png", "a.jpg", "a.jpeg", "a.webp", "A.PNG"):
        check_output(tmp_path / name, force=False)


def test_a_taken_path_needs_force(tmp_path):
    (tmp_path / "a.png").write_bytes(b"precious")
    with pytest.raises(OutputExists, match="--force"):
        check_output(tmp_path / "a.png", force=False)
    check_output(tmp_path / "a.png", force=True)
    assert (tmp_path / "a.png").read_bytes() == b"precious"


def test_a_link_to_nowhere_is_taken_too(tmp_path):
    (tmp_path / "a.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(OutputExists):
        check_output(tmp_path / "a.png", force=False)


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_is_no_output(tmp_path, force):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(BadInput, match="found a folder"):
        check_output(tmp_path / "a.png", force=force)


def test_the_outputs_folder_must_exist(tmp_path):
    with pytest.raises(BadInput, match="found nothing there"):
        check_output(tmp_path / "gone" / "a.png", force=False)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(BadInput, match="found a file"):
        check_output(tmp_path / "file" / "a.png", force=True)


def test_the_outputs_folder_must_be_writable():
    with unprivileged() as folder:
        check_output(folder / "a.png", force=False)
        (folder / "locked").mkdir()
        (folder / "locked").chmod(0o555)
        with pytest.raises(BadInput, match="write-protected"):
            check_output(folder / "locked" / "a.png", force=True)


@pytest.mark.parametrize("name", ["a.gif", "a.tiff", "a", ".png", "a.png.txt"])
def test_an_unknown_extension_lists_the_known_ones(tmp_path, name):
    with pytest.raises(BadInput, match=r"\.png, \.jpg, \.jpeg, \.webp"):
        check_output(tmp_path / name, force=False)


def test_what_the_format_cannot_hold_is_said_before_the_work(tmp_path):
    with pytest.raises(BadInput, match=r"16383 pixels a side.*found 16384x10"):
        check_output(tmp_path / "a.webp", force=False, size=(10, 16_384))
    check_output(tmp_path / "a.webp", force=False, size=(16_383, 16_383), alpha=True)
    with pytest.raises(BadInput, match="transparency"):
        check_output(tmp_path / "a.jpg", force=False, alpha=True)


# Writing


@pytest.mark.parametrize("name", ["a.png", "a.webp"])
@pytest.mark.parametrize("with_alpha", [False, True])
def test_lossless_formats_give_back_every_byte(tmp_path, name, with_alpha):
    u8 = noise(9, 7, 4)
    rgb = to_float(u8[:, :, :3]).transpose(2, 0, 1)
    alpha = to_float(np.where(u8[:, :, 3] < 128, 0, u8[:, :, 3]).astype(np.uint8)) if with_alpha else None
    write_image(tmp_path / name, rgb, alpha, srgb_profile())
    picture = read_image(tmp_path / name)
    assert np.array_equal(picture.rgb, rgb)
    assert picture.alpha is None if alpha is None else np.array_equal(picture.alpha, alpha)
    assert picture.icc_profile == srgb_profile()
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("name", ["a.jpg", "a.JPEG"])
def test_jpeg_is_close_and_keeps_full_colour_resolution(tmp_path, name):
    u8 = np.zeros((16, 16, 3), np.uint8)
    u8[:, ::2] = (255, 0, 0)  # colour stripes one pixel wide, which 4:2:0 would mix
    u8[:, 1::2] = (0, 0, 255)
    write_image(tmp_path / name, to_float(u8).transpose(2, 0, 1), icc_profile=srgb_profile())
    with Image.open(tmp_path / name) as image:
        assert image.format == "JPEG"
    picture = read_image(tmp_path / name)
    assert abs(as_bytes(picture).astype(int) - u8).max() < 24
    assert picture.icc_profile == srgb_profile()


def test_writing_clamps_and_rounds_half_to_even(tmp_path):
    rgb = np.array([-1, 2.5 / 255, 3.5 / 255, 9], np.float32).reshape(1, 1, 4).repeat(3, axis=0)
    write_image(tmp_path / "a.png", rgb)
    with Image.open(tmp_path / "a.png") as image:
        assert np.asarray(image)[0, :, 0].tolist() == [0, 2, 4, 255]


def test_transparency_in_a_jpeg_is_refused_not_flattened(tmp_path):
    with pytest.raises(BadInput, match="transparency"):
        write_image(tmp_path / "a.jpg", np.zeros((3, 2, 2), np.float32), np.zeros((2, 2), np.float32))
    assert os.listdir(tmp_path) == []


def test_a_side_beyond_the_format_is_refused(tmp_path):
    with pytest.raises(BadInput, match="16383"):
        write_image(tmp_path / "a.webp", np.zeros((3, 1, 16_384), np.float32))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("shape", [(2, 4, 4), (4, 4), (1, 3, 4, 4), (3, 0, 4)])
def test_other_shapes_are_refused(tmp_path, shape):
    with pytest.raises(BadImage, match=r"expected pixels \(3, H, W\)"):
        write_image(tmp_path / "a.png", np.zeros(shape, np.float32))


def test_alpha_of_another_size_is_refused(tmp_path):
    with pytest.raises(BadImage, match="alpha"):
        write_image(tmp_path / "a.png", np.zeros((3, 4, 4), np.float32), np.zeros((4, 5), np.float32))


def test_nan_leaves_the_old_file_alone(tmp_path):
    (tmp_path / "a.png").write_bytes(b"old")
    with pytest.raises(BadImage, match="NaN"):
        write_image(tmp_path / "a.png", np.full((3, 2, 2), np.nan, np.float32))
    assert (tmp_path / "a.png").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.png"]


def test_an_existing_file_is_replaced_whole(tmp_path):
    (tmp_path / "a.png").write_bytes(b"old" * 9999)
    write_image(tmp_path / "a.png", np.zeros((3, 2, 2), np.float32))
    assert read_image(tmp_path / "a.png").size == (2, 2)


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "other").touch()
    write_image(tmp_path / "a.png", np.zeros((3, 2, 2), np.float32))
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_full_disk_leaves_nothing_behind(tmp_path):
    (tmp_path / "a.png").write_bytes(b"old")
    rgb = to_float(noise(64, 64)).transpose(2, 0, 1)  # 12 kB of noise, against a limit of 4 kB
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(BadInput, match="File too large"):
            write_image(tmp_path / "a.png", rgb)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (tmp_path / "a.png").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.png"]


def test_a_folder_in_the_way_leaves_nothing_behind(tmp_path):
    (tmp_path / "a.png").mkdir()
    with pytest.raises(BadInput, match=r"a\.png"):
        write_image(tmp_path / "a.png", np.zeros((3, 2, 2), np.float32))
    assert os.listdir(tmp_path) == ["a.png"]


def test_ctrl_c_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupted(image: Image.Image, file: BinaryIO, *args: object, **options: object) -> None:
        file.write(b"half of it")
        assert len(os.listdir(tmp_path)) == 1
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_image(tmp_path / "a.png", to_float(noise(8, 8)).transpose(2, 0, 1))
    assert os.listdir(tmp_path) == []
