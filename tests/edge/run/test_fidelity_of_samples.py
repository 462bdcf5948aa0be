"""Grey, alpha and 16 bits stay through read, enlarge and write, in every format."""

import numpy as np
import pytest
import pyvips
import tifffile
from enlarging import doubled
from fidelity import CASES, FORMATS, noise, samples, softly_seen, through
from PIL import Image

from edge.errors import BadInput
from edge.images.image_file import check_output, read_image, write_picture
from edge.images.picture import picture_of
from edge.images.pixels import to_uint8, to_uint16

# Grey, palettes


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
@pytest.mark.parametrize("mode", ["L", "1"])
def test_grey_stays_grey(tmp_path, suffix, mode):
    Image.fromarray(noise(8, 9)).convert(mode).save(tmp_path / "in.png")
    image = through(tmp_path / "in.png", tmp_path / f"out.{suffix}")
    assert (image.mode, image.size) == ("L", (18, 16))


def test_a_grey_jpeg_stays_grey(tmp_path):
    image = through(CASES / "gray.jpg", tmp_path / "out.jpg")
    assert image.mode == "L"
    with Image.open(CASES / "gray.jpg") as before:
        assert abs(np.asarray(image).mean() - np.asarray(before).mean()) < 0.5


def test_grey_is_the_mean_of_what_the_network_makes_of_it(tmp_path):
    planes = np.float32([0.1, 0.2, 0.6]).reshape(3, 1, 1)
    write_picture(tmp_path / "out.png", picture_of(planes, grey=True))
    assert Image.open(tmp_path / "out.png").getpixel((0, 0)) == round(0.3 * 255)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_grey_and_alpha_stay_two_channels(tmp_path, suffix):
    u8 = softly_seen(noise(8, 9, 2))
    Image.fromarray(u8, "LA").save(tmp_path / "in.png")
    image = through(tmp_path / "in.png", tmp_path / f"out.{suffix}")
    assert image.mode == "LA"
    assert np.array_equal(np.asarray(image)[::2, ::2], u8)


def test_a_palette_becomes_colours(tmp_path):
    Image.fromarray(noise(8, 9, 3)).quantize(5).save(tmp_path / "in.png")
    assert through(tmp_path / "in.png", tmp_path / "out.png").mode == "RGB"


# 16 bits


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(("source", "target"), [("png", "tif"), ("tif", "png"), ("png", "png")])
def test_sixteen_bits_stay_to_the_last(tmp_path, channels, source, target):
    u16 = noise(7, 9, channels, dtype=np.uint16)
    u16 = softly_seen(u16) if channels in (2, 4) else u16
    image = pyvips.Image.new_from_array(u16).copy(interpretation="grey16" if channels < 3 else "rgb16")
    image.write_to_file(str(tmp_path / f"in.{source}"))
    picture = read_image(tmp_path / f"in.{source}")
    assert (picture.bits, picture.grey, picture.alpha is not None) == (16, channels < 3, channels in (2, 4))
    write_picture(tmp_path / f"out.{target}", doubled(picture))
    out = samples(tmp_path / f"out.{target}")
    assert out.dtype == np.uint16 and out.shape == (14, 18, channels)
    assert np.array_equal(out[::2, ::2], u16)


def test_what_a_network_makes_between_two_bytes_is_not_rounded_to_one(tmp_path):
    planes = np.full((3, 2, 2), 100.5 / 255, np.float32)
    write_picture(tmp_path / "deep.png", picture_of(planes, bits=16))
    write_picture(tmp_path / "deep.jpg", picture_of(planes, bits=16))
    assert (samples(tmp_path / "deep.png") == round(100.5 * 257)).all()
    assert samples(tmp_path / "deep.jpg").dtype == np.uint8
    halves = np.float32([0.5, 1.5]) / np.float32(65_535)
    assert to_uint16(halves).tolist() == np.rint(halves * np.float32(65_535)).tolist() == [0, 2]


@pytest.mark.parametrize("planar", [False, True])
def test_sixteen_bits_of_a_plane_per_colour_and_of_a_channel_without_meaning(tmp_path, planar):
    u16 = noise(7, 9, 3 if planar else 4, dtype=np.uint16)
    options = {"photometric": "rgb", "planarconfig": "separate"} if planar else {"photometric": "rgb"}
    extra = {} if planar else {"extrasamples": ["UNSPECIFIED"]}
    tifffile.imwrite(tmp_path / "in.tif", u16.transpose(2, 0, 1) if planar else u16, **options, **extra)
    picture = read_image(tmp_path / "in.tif")
    assert picture.alpha is None and picture.bits == 16
    assert np.array_equal(to_uint16(picture.rgb).transpose(1, 2, 0), u16[:, :, :3])


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_tiff_of_sixteen_bit_grey_and_alpha_stays_so(tmp_path, byteorder, compression):
    u16 = softly_seen(noise(7, 9, 2, dtype=np.uint16))

    def save(meaning: str) -> None:
        options = {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": [meaning]}
        tifffile.imwrite(tmp_path / "in.tif", u16, byteorder=byteorder, compression=compression, **options)

    save("UNASSALPHA")
    for held in (0, 10**6):
        write_picture(tmp_path / "out.tif", doubled(read_image(tmp_path / "in.tif", held)))
        assert np.array_equal(tifffile.imread(tmp_path / "out.tif")[::2, ::2], u16)
        assert np.array_equal(read_image(tmp_path / "out.tif").samples[::2, ::2], u16)
    save("UNSPECIFIED")
    assert np.array_equal(read_image(tmp_path / "in.tif").samples, u16[:, :, :1])
    save("ASSOCALPHA")
    with pytest.raises(BadInput, match="expected colours apart from alpha, found 16-bit ones multiplied"):
        read_image(tmp_path / "in.tif")


def test_one_transparent_colour_of_sixteen_bits_becomes_alpha(tmp_path):
    Image.fromarray(np.array([[300, 301]], np.uint16)).save(tmp_path / "in.png", transparency=301)
    write_picture(tmp_path / "out.png", doubled(read_image(tmp_path / "in.png")))
    assert samples(tmp_path / "out.png")[0].tolist() == [[300, 65_535]] * 2 + [[300, 0]] * 2


def test_a_tiff_whose_zero_is_white_is_as_bright_as_a_viewer_shows_it(tmp_path):
    image = through(CASES / "miniswhite16.tif", tmp_path / "out.tif")
    with Image.open(CASES / "miniswhite16.tif") as before:
        assert before.tag_v2[262] == 0
        stored = np.asarray(before)
    assert np.array_equal(np.asarray(image)[::2, ::2], 65_535 - stored)
    eight = Image.fromarray(255 - noise(6, 6))
    eight.save(tmp_path / "eight.tif", tiffinfo={262: 0})
    shown = np.asarray(Image.open(tmp_path / "eight.tif"))
    assert np.array_equal(to_uint8(read_image(tmp_path / "eight.tif").rgb[0]), shown)


def test_a_16_bit_file_that_is_cut_off_is_refused(tmp_path):
    pyvips.Image.new_from_array(noise(40, 40, 3, dtype=np.uint16)).copy(interpretation="rgb16").write_to_file(
        str(tmp_path / "a.png")
    )
    content = (tmp_path / "a.png").read_bytes()
    for name in ("a[1].png", "cut.png"):
        (tmp_path / name).write_bytes(content if name == "a[1].png" else content[: len(content) // 2])
    assert read_image(tmp_path / "a[1].png").bits == 16
    with pytest.raises(BadInput, match="expected a whole picture, found a damaged one"):
        read_image(tmp_path / "cut.png")


# Formats


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_that_is_written_is_read_and_looks_the_same(tmp_path, suffix):
    y, x = np.mgrid[0:40, 0:50] / np.float32(50)
    rgb = np.stack([x, y, 1 - x]).astype(np.float32)
    write_picture(tmp_path / f"out.{suffix}", picture_of(rgb))
    again = read_image(tmp_path / f"out.{suffix}")
    assert abs(again.rgb - rgb).max() < (0.003 if suffix in ("png", "webp", "tif") else 0.04)


@pytest.mark.parametrize("suffix", ["jpg", "webp", "avif"])
def test_a_lower_quality_makes_a_smaller_file(tmp_path, suffix):
    rgb = np.random.default_rng(0).random((3, 64, 64), np.float32)
    sizes = []
    for quality in (10, 60, None):
        write_picture(tmp_path / f"out.{suffix}", picture_of(rgb), quality)
        sizes.append((tmp_path / f"out.{suffix}").stat().st_size)
    assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_quality_for_what_loses_nothing_is_refused(tmp_path, suffix):
    with pytest.raises(BadInput, match=r"a quality for \.jpg, \.jpeg, \.webp, \.avif, found one for"):
        check_output(tmp_path / f"a.{suffix}", force=False, quality=90)


@pytest.mark.parametrize(
    ("background", "grey", "expected"), [((255, 255, 255), True, 191), ((255, 0, 0), False, [191, 64, 64])]
)
def test_a_background_shows_through(tmp_path, background, grey, expected):
    half = picture_of(np.full((3, 4, 4), 0.5, np.float32), np.full((4, 4), 0.5, np.float32), grey=True)
    flat = doubled(half, background=background)
    assert flat.alpha is None and flat.grey == grey
    write_picture(tmp_path / "out.png", flat)
    assert np.asarray(Image.open(tmp_path / "out.png"))[0, 0].tolist() == expected


def test_an_opaque_picture_needs_no_background():
    picture = picture_of(np.zeros((3, 4, 4), np.float32), grey=True)
    flat = doubled(picture, background=(255, 0, 0))
    assert flat.grey and not flat.samples.any()
