"""Colour profiles and gammas through read, enlarge and write: colours keep their look."""

import io
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
import pyvips
from enlarging import doubled
from fidelity import CASES, noise, p3, through
from PIL import Image, ImageCms

from edge.images.image_file import read_image, write_picture
from edge.images.pixels import to_uint8


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
