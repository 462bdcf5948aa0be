"""Pictures of every mode and format are read as a viewer shows them."""

import warnings

import numpy as np
import pytest
from image_files import (
    as_bytes,
    cmyk_profile_that_prints_cyan_as_red,
    linear_grey_profile,
    noise,
    smooth,
    srgb_profile,
)
from PIL import Image

from edge.images.image_file import read_image
from edge.images.pixels import to_float


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
