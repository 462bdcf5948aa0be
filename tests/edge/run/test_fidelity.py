"""Picture files through read, enlarge and write, opened again: what a network has no part in stays."""

import io
import re
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pyvips
import tifffile
from enlarging import doubled
from PIL import Image, ImageCms

from edge.errors import BadInput
from edge.images.image_file import check_output, read_image, write_picture
from edge.images.metadata import Metadata
from edge.images.picture import Picture, picture_of
from edge.images.pixels import to_uint8, to_uint16

CASES = Path(__file__).parents[2] / "data" / "pictures"

Array = np.ndarray


def through(source: Path, target: Path) -> Image.Image:
    """What a doubled ``source`` is in ``target``, opened by Pillow."""
    write_picture(target, doubled(read_image(source)))
    image = Image.open(target)
    image.load()
    return image


def samples(path: Path) -> Array:
    """By libvips, which keeps 16 bits: (H, W, C)."""
    image = pyvips.Image.new_from_file(str(path))
    return image.numpy().reshape(image.height, image.width, image.bands)


def noise(*shape: int, dtype: type = np.uint8) -> Array:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def softly_seen(samples: Array) -> Array:
    """With an alpha, the last channel, that has neither clear pixels, which are filled, nor hard edges."""
    soft = samples.copy()
    soft[:, :, -1] = soft[:, :, -1] // 4 + np.iinfo(samples.dtype).max // 4
    return soft


def p3() -> bytes:
    return bytes(pyvips.Image.profile_load("p3"))


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


# Colours


def test_a_p3_photograph_keeps_profile_and_numbers_and_the_network_sees_srgb(tmp_path):
    u8 = noise(8, 9, 3)
    u8[0] = (255, 0, 0)
    Image.fromarray(u8).save(tmp_path / "in.png", icc_profile=p3())
    picture = read_image(tmp_path / "in.png")
    srgb = ImageCms.profileToProfile(Image.fromarray(u8), io.BytesIO(p3()), ImageCms.createProfile("sRGB"))
    assert picture.rgb.min() < 0 and picture.rgb.max() > 1
    assert abs(to_uint8(picture.planes).transpose(1, 2, 0).astype(int) - np.asarray(srgb)).max() <= 1
    assert picture.planes.min() == 0 and picture.planes.max() == 1
    image = through(tmp_path / "in.png", tmp_path / "out.png")
    assert image.info["icc_profile"] == p3()
    # Colours beyond sRGB come by bicubic, which only flat places show as they were.
    assert np.asarray(image)[0, 6:12].tolist() == [[255, 0, 0]] * 6
    write_picture(tmp_path / "same.png", replace(picture, strips=(picture.to_samples(picture.rgb),)))
    assert abs(np.asarray(Image.open(tmp_path / "same.png")).astype(int) - u8).max() <= 1


def profile_of_tables() -> bytes:
    """RGB by a table alone, in which red prints as white and all else as black."""
    identity, matrix = bytes(range(256)), struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    # Corners of the cube, R turning slowest, as Lab.
    grid = b"".join(bytes((255 if corner & 4 else 0, 128, 128)) for corner in range(8))
    lut = b"mft1\0\0\0\0" + bytes((3, 3, 2, 0)) + matrix + identity * 3 + grid + identity * 3
    tags = struct.pack(">I4sII", 1, b"A2B0", 144, len(lut)) + lut
    kind = (0x02400000, b"mntr", b"RGB ", b"Lab ", b"", b"acsp")
    header = struct.pack(">I4sI4s4s4s12s4s", 128 + len(tags), b"", *kind)
    white = struct.pack(">iii", 63190, 65536, 54061)  # D50
    return header + bytes(68 - len(header)) + white + bytes(48) + tags


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("alpha", [False, True])
def test_a_profile_of_tables_is_gone_through(tmp_path, bits, alpha):
    samples = np.zeros((4, 6, 4 if alpha else 3), np.uint8 if bits == 8 else np.uint16)
    samples[:, :3, 0], samples[..., 3:] = np.iinfo(samples.dtype).max, 40
    image = pyvips.Image.new_from_array(samples).copy(interpretation="srgb" if bits == 8 else "rgb16")
    image.set_type(pyvips.GValue.blob_type, "icc-profile-data", profile_of_tables())
    image.pngsave(str(tmp_path / "in.png"), bitdepth=bits)
    picture = read_image(tmp_path / "in.png")
    assert (picture.bits, picture.icc_profile, picture.notes) == (bits, None, ())
    assert (picture.alpha is not None) == alpha
    np.testing.assert_allclose(picture.rgb[:, :, :3], 1, atol=0.01)
    np.testing.assert_allclose(picture.rgb[:, :, 3:], 0, atol=0.01)


def test_a_linear_grey_keeps_its_look_and_its_sixteen_bits(tmp_path):
    image = through(CASES / "gray16_icc_g1.0.png", tmp_path / "out.png")
    assert image.mode == "I;16" and "icc_profile" not in image.info
    assert abs(np.asarray(image).mean() / 257 - 180) < 1


def test_a_png_of_linear_light_keeps_its_look(tmp_path):
    image = through(CASES / "gama_linear.png", tmp_path / "out.png")
    assert "gamma" not in image.info
    with Image.open(CASES / "gama_linear.png") as before:
        linear = np.asarray(before)[..., :3] / 255
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert abs(np.asarray(image)[::2, ::2] / 255 - srgb).max() < 1 / 255


def with_chunk(png: bytes, name: bytes, *values: int) -> bytes:
    body = struct.pack(f">{len(values)}I", *values)
    chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return png[:33] + chunk + png[33:]  # after the header


SRGB_CHRM = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)


def test_a_png_that_says_srgb_in_numbers_keeps_its_bytes(tmp_path):
    u8 = noise(5, 6, 3)
    Image.fromarray(u8).save(tmp_path / "in.png")
    plain = (tmp_path / "in.png").read_bytes()
    for content in (
        with_chunk(plain, b"gAMA", 45455),
        with_chunk(with_chunk(plain, b"cHRM", *SRGB_CHRM), b"gAMA", 45455),
        with_chunk(plain, b"cHRM", *SRGB_CHRM),
    ):
        (tmp_path / "in.png").write_bytes(content)
        assert np.array_equal(to_uint8(read_image(tmp_path / "in.png").rgb).transpose(1, 2, 0), u8)


def test_primaries_of_a_png_without_profile_are_heeded(tmp_path):
    Image.new("RGB", (4, 4), (200, 100, 50)).save(tmp_path / "in.png")
    plain = (tmp_path / "in.png").read_bytes()
    wide = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)  # Display P3
    (tmp_path / "in.png").write_bytes(with_chunk(plain, b"cHRM", *wide))
    Image.new("RGB", (4, 4), (200, 100, 50)).save(tmp_path / "p3.png", icc_profile=p3())
    by_chunk, by_profile = (read_image(tmp_path / name).rgb for name in ("in.png", "p3.png"))
    assert abs(by_chunk - by_profile).max() < 1.5 / 255
    (tmp_path / "in.png").write_bytes(with_chunk(plain, b"cHRM", *[0] * 8))
    (note,) = read_image(tmp_path / "in.png").notes
    assert "damaged" in note


@pytest.mark.parametrize("profile", [b"no profile at all", p3()[:300], p3()[:128] + b"\xff" * 400])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_broken_profile_is_said_and_srgb_taken(tmp_path, profile, mode):
    Image.new(mode, (4, 4)).save(tmp_path / "in.tif", icc_profile=profile)
    picture = read_image(tmp_path / "in.tif")
    (note,) = picture.notes
    assert note.startswith("its colour profile is damaged (") and note.endswith("taken as sRGB")
    assert picture.icc_profile is None
    write_picture(tmp_path / "out.png", doubled(picture))
    assert "icc_profile" not in Image.open(tmp_path / "out.png").info


# Metadata


FORMATS = ["png", "jpg", "webp", "avif", "tif"]


def photo(path: Path, **options: object) -> None:
    exif = Image.Exif()
    exif[271], exif[274] = "ACME", 6
    exif[0x8769] = {36867: "2020:01:01 00:00:00", 40962: 9, 40963: 8, 37500: b"maker's note"}
    exif[0x8825] = {1: "N", 2: (1.0, 2.0, 3.0)}
    exif[282], exif[283], exif[296] = 300.0, 150.0, 2
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6" note="kept"/>'
    Image.fromarray(noise(8, 9, 3)).save(path, exif=exif.tobytes(), xmp=xmp, **options)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("bits", [8, 16])
def test_exif_and_xmp_are_kept_upright_and_with_the_new_size(tmp_path, suffix, bits):
    photo(tmp_path / "in.jpg", dpi=(300, 150))
    picture = read_image(tmp_path / "in.jpg")
    enlarged = doubled(picture)
    write_picture(tmp_path / f"out.{suffix}", picture_of(enlarged.rgb, bits=bits, metadata=enlarged.metadata))
    image = Image.open(tmp_path / f"out.{suffix}")
    exif = image.getexif()
    assert image.size == (16, 18)
    assert (exif[271], exif.get(274, 1)) == ("ACME", 1)
    details = exif.get_ifd(0x8769)
    assert details[36867] == "2020:01:01 00:00:00" and details[37500] == b"maker's note"
    assert (details[40962], details[40963]) == (16, 18)
    assert exif.get_ifd(0x8825)[2] == (1.0, 2.0, 3.0)
    # Turned by a quarter, x and y change places.
    assert (exif[282], exif[283]) == (300.0, 600.0)
    assert b'tiff:Orientation="1"' in image.info["xmp"] and b'note="kept"' in image.info["xmp"]
    assert len(samples(tmp_path / f"out.{suffix}")) == 18 or suffix == "avif"


@pytest.mark.parametrize("suffix", FORMATS)
def test_stripped_nothing_of_it_is_left(tmp_path, suffix):
    photo(tmp_path / "in.jpg", dpi=(300, 150))
    picture = doubled(read_image(tmp_path / "in.jpg"))
    stripped = picture_of(picture.rgb, icc_profile=p3(), metadata=picture.metadata.stripped())
    write_picture(tmp_path / f"out.{suffix}", stripped)
    image = Image.open(tmp_path / f"out.{suffix}")
    assert not image.getexif().get_ifd(0x8825) and 271 not in image.getexif()
    assert "xmp" not in image.info and image.info["icc_profile"] == p3()
    content = (tmp_path / f"out.{suffix}").read_bytes()
    assert b"ACME" not in content and b"2020:01" not in content and b"xmpmeta" not in content
    assert read_image(tmp_path / f"out.{suffix}").metadata.dpi == pytest.approx((300, 600), abs=0.01)


def test_the_case_of_a_turned_photograph(tmp_path):
    image = through(CASES / "orient6.jpg", tmp_path / "out.jpg")
    assert image.size == (144, 192)
    exif = image.getexif()
    assert (exif[274], exif[271], exif[36867]) == (1, "ACME", "2020:01:01 00:00:00")
    assert exif.get_ifd(0x8825) == {1: "N", 2: (1.0, 2.0, 3.0)}
    assert 282 not in exif  # it had no resolution


@pytest.mark.parametrize("found", [0, 9, 77])
def test_an_orientation_that_exif_does_not_know_is_upright(tmp_path, found):
    exif = Image.Exif()
    exif[274] = found
    Image.fromarray(noise(8, 9, 3)).save(tmp_path / "in.png", exif=exif)
    image = through(tmp_path / "in.png", tmp_path / "out.png")
    assert image.size == (18, 16) and image.getexif()[274] == 1


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_printed_size_stays(tmp_path, suffix):
    write_picture(tmp_path / f"out.{suffix}", doubled(read_image(CASES / "dpi300.png")))
    again = read_image(tmp_path / f"out.{suffix}")
    assert again.metadata.dpi == pytest.approx((600, 600), abs=0.01)
    if suffix in ("png", "jpg", "tif"):
        assert Image.open(tmp_path / f"out.{suffix}").info["dpi"] == pytest.approx((600, 600), abs=0.01)


def test_a_resolution_without_a_unit_is_none(tmp_path):
    assert read_image(CASES / "miniswhite16.tif").metadata.dpi is None
    assert read_image(CASES / "gray.jpg").metadata.dpi is None
    Image.fromarray(noise(8, 9)).save(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif").metadata.dpi is None


@pytest.mark.parametrize("bits", [8, 16])
def test_png_texts_and_xmp_are_kept(tmp_path, bits):
    picture = doubled(read_image(CASES / "sdtext.png"))
    texts = (*picture.metadata.texts, ("Überschrift", "日本"))
    kept = Metadata(texts=texts, xmp=picture.metadata.xmp)
    write_picture(tmp_path / "out.png", picture_of(picture.rgb, bits=bits, metadata=kept))
    image = Image.open(tmp_path / "out.png")
    assert image.text["parameters"] == "a cat, steps 20" and image.text["Überschrift"] == "日本"
    assert image.info["xmp"] == b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
    assert read_image(tmp_path / "out.png").metadata == kept


def test_damaged_exif_is_said_and_left_out(tmp_path):
    Image.fromarray(noise(8, 9, 3)).save(tmp_path / "in.png", exif=b"Exif\0\0XX*\0rubbish")
    picture = read_image(tmp_path / "in.png")
    assert re.fullmatch(r"its EXIF is damaged \(.+\) and left out", *picture.notes)
    write_picture(tmp_path / "out.png", doubled(picture))


def test_more_exif_than_a_jpeg_holds_is_refused_before_the_work(tmp_path):
    for metadata in (Metadata(exif=bytes(65_534)), Metadata(xmp=bytes(65_505))):
        with pytest.raises(BadInput, match=r"for JPEG, found .*--strip"):
            check_output(tmp_path / "a.jpg", force=False, picture=Picture((9, 9), metadata=metadata))
        check_output(tmp_path / "a.png", force=False, picture=Picture((9, 9), metadata=metadata))


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
