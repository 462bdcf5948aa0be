"""Colour spaces against LittleCMS, and their damage."""

import functools
import io
import struct

import numpy as np
import pytest
import pyvips
from PIL import Image, ImageCms

from edge.images.colour import (
    SRGB_CHROMATICITIES,
    DamagedProfile,
    curve_of_profile,
    profile_space,
    space_of_chromaticities,
    space_of_profile,
)


@functools.cache
def built_in(name: str) -> bytes:
    """A profile that comes with libvips: ``p3`` or ``srgb``."""
    return bytes(pyvips.Image.profile_load(name))


def profile_of(curve: bytes, base: str = "p3") -> bytes:
    """``base`` with another curve for its three channels."""
    old = built_in(base)
    (count,) = struct.unpack(">I", old[128:132])
    table = bytearray(old[:132])
    for number in range(count):
        name, start, size = struct.unpack(">4sII", old[132 + 12 * number : 144 + 12 * number])
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            start, size = len(old), len(curve)
        table += struct.pack(">4sII", name, start, size)
    whole = bytes(table) + old[len(table) :] + curve + b"\0" * (-len(curve) % 4)
    return struct.pack(">I", len(whole)) + whole[4:]


def by_littlecms(u8: np.ndarray, profile: bytes) -> np.ndarray:
    srgb, intent = ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC
    return np.asarray(ImageCms.profileToProfile(Image.fromarray(u8), io.BytesIO(profile), srgb, intent))


def para(kind: int, *values: float) -> bytes:
    return b"para\0\0\0\0" + struct.pack(f">HH{len(values)}i", kind, 0, *(round(v * 65536) for v in values))


CURVES = {
    "a gamma": b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + b"\0\0",
    "none": b"curv\0\0\0\0" + struct.pack(">I", 0),
    "a table": b"curv\0\0\0\0" + struct.pack(">I5H", 5, 0, 3000, 15000, 35000, 65535) + b"\0\0",
    "a power": para(0, 1.8),
    "a shifted power": para(1, 2.0, 0.9, 0.1),
    "a lifted power": para(2, 2.0, 0.8, 0.1, 0.01),
    "sRGB's": para(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
    "all seven": para(4, 2.4, 0.9, 0.05, 0.08, 0.05, 0.02, 0.01),
}


@pytest.mark.parametrize("curve", CURVES)
def test_every_kind_of_curve_makes_the_colours_that_littlecms_makes(curve):
    u8 = np.random.default_rng(0).integers(60, 200, (40, 40, 3), np.uint8)
    profile = profile_of(CURVES[curve])
    space = space_of_profile(profile)
    made = space.to_srgb((u8 / 255).astype(np.float32).transpose(2, 0, 1)).transpose(1, 2, 0)
    assert abs(made.clip(0, 1) * 255 - by_littlecms(u8, profile)).max() < 1.1
    assert not space.is_srgb


def test_srgb_by_another_name_is_known():
    assert space_of_profile(built_in("srgb")).is_srgb
    assert space_of_profile(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()).is_srgb
    assert space_of_chromaticities(None, SRGB_CHROMATICITIES).is_srgb
    assert not space_of_profile(built_in("p3")).is_srgb


@pytest.mark.parametrize("curve", [None, "a gamma", "sRGB's", "a table"])
def test_there_and_back_no_16_bit_value_moves_by_more_than_one_but_for_the_darkest(curve):
    profile = built_in("p3") if curve is None else profile_of(CURVES[curve])
    u16 = np.random.default_rng(0).integers(0, 65_536, (3, 100, 100)).astype(np.uint16)
    u16[:, 0], u16[:, :, 0] = 0, 65_535
    space = space_of_profile(profile)
    back = space.from_srgb(space.to_srgb(u16 / np.float32(65_535)))
    moved = abs(np.rint(back * 65_535) - u16)
    assert moved[u16 >= 256].max() <= 1
    assert moved.max() < 128  # half a step of 8 bits


def test_pure_red_of_p3_is_beyond_srgb():
    red = space_of_profile(built_in("p3")).to_srgb(np.float32([[1], [0], [0]]))[:, 0]
    assert np.allclose(red, [1.093, -0.227, -0.150], atol=0.01)


def test_a_grey_of_linear_light_gets_srgbs_curve():
    linear = bytearray(profile_of(CURVES["none"]))
    linear[16:20] = b"GRAY"
    assert profile_space(bytes(linear)) == b"GRAY"
    linear = bytes(linear).replace(b"rTRC", b"kTRC")
    made = curve_of_profile(linear).to_srgb(np.float32([0, 0.5, 1]))
    np.testing.assert_allclose(made, [0, 0.7354, 1], atol=1e-3)


@pytest.mark.parametrize("size", [0, 40, 131, 140, 300, 470])
def test_a_profile_that_is_cut_off_is_damaged(size):
    with pytest.raises(DamagedProfile):
        profile_space(built_in("p3")[:size])


@pytest.mark.parametrize(
    "curve", [b"curv\0\0\0\0", b"text\0\0\0\0abcd", para(7, 1.0), para(3, 1.0), b"curv\0\0\0\0\0\0\1\0"]
)
def test_a_curve_that_is_none_is_damage(curve):
    with pytest.raises(DamagedProfile):
        space_of_profile(profile_of(curve))


@pytest.mark.parametrize("chromaticities", [(0.3, 0.0) * 4, (0.3, 0.3) * 4])
def test_chromaticities_of_no_colours_are_damage(chromaticities):
    with pytest.raises(DamagedProfile):
        space_of_chromaticities(0.5, chromaticities)
