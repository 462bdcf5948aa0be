"""From an opened picture file to a ``Picture``: samples, orientation, colours, metadata."""

import io
import mmap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from edge.errors import BadImage
from edge.images.colour import (
    SRGB_CHROMATICITIES,
    DamagedProfile,
    grey_to_srgb,
    profile_space,
    space_of_chromaticities,
    space_of_profile,
)
from edge.images.metadata import Metadata, orientation, read_metadata
from edge.images.picture import Picture
from edge.images.pixels import Bytes, Words, to_float
from models.arrays import Float

# Pillow's 8-bit modes whose colours are defined without further knowledge. Absent: I and F (no known
# range), LAB and HSV (no picture file in daily use).
_EIGHT_BIT_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")

# Of files with 16 bits a sample, how Pillow opens those that libvips decodes. Of 16-bit CMYK Pillow keeps
# the upper 8.
_DEEP_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "L", "LA", "RGB", "RGBA", "RGBX")

# gAMA of sRGB and of most programs that write it: 1 / 2.2, in fact sRGB's own curve.
_USUAL_GAMMA = 0.45455

# By EXIF's orientation: (H, W, C) as stored to upright.
_TURNS: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


def decode(path: Path, image: ImageFile.ImageFile) -> Picture:
    """The picture in ``image``, opened from ``path`` and not loaded yet.

    Raises BadImage for pixels without a known range, and whatever Pillow and libvips do for damaged files.
    """
    notes: list[str] = []
    raw_mode = _raw_mode(image)
    image.load()
    if image.format == "PNG" and not _has_end(path):
        notes.append("its end is cut off, behind its pixels, which are all there")
    metadata, turn = _metadata(image, notes)
    profile = _profile(image, raw_mode, notes)
    deep = image.mode in _DEEP_MODES and _has_16_bits(image, raw_mode)
    samples: Bytes | Words
    converted: Image.Image = image
    if deep:
        has_alpha = image.has_transparency_data
        tables = _is_of_tables(profile)
        samples = _deep_samples(path, raw_mode, has_alpha, tables)
        profile = None if tables else profile
    elif image.mode in _EIGHT_BIT_MODES:
        converted, profile = _without_tables(image, profile, notes)
        samples, has_alpha = _samples(converted)
    else:
        raise BadImage(f"{path}: expected 8 or 16 bits of grey or colour, found mode {image.mode}")
    upright = np.ascontiguousarray(_TURNS[turn](samples).transpose(2, 0, 1))
    planes = to_float(upright)
    colours, alpha = (planes[:-1], planes[-1]) if has_alpha else (planes, None)
    if alpha is not None and (alpha == 1).all():
        alpha = None
    rgb, profile = _to_srgb(colours, profile, converted, notes)
    return Picture(rgb, alpha, profile, len(colours) == 1, 16 if deep else 8, metadata, tuple(notes))


def _has_end(png: Path) -> bool:
    """Whether its last chunk is there; Pillow needs it no more than its pixels do."""
    with png.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.rfind(b"IEND\xaeB`\x82") >= 0


def _metadata(image: Image.Image, notes: list[str]) -> tuple[Metadata, int]:
    try:
        return read_metadata(image), orientation(image)
    except Exception as error:  # Pillow's reader of EXIF raises nearly every type on damaged blocks
        reason = " ".join(str(error).split()) or type(error).__name__
        notes.append(f"its EXIF is damaged ({reason}) and left out")
        return Metadata(), 1


def _profile(image: Image.Image, raw_mode: str, notes: list[str]) -> bytes | None:
    """The profile where it is one and fits the picture; None for sRGB."""
    found: bytes | None = image.info.get("icc_profile")
    if not found:
        if "icc_profile" in image.info:
            notes.append(_damaged("it cannot be unpacked"))
        return None
    try:
        space = profile_space(found)
    except DamagedProfile as error:
        notes.append(_damaged(str(error)))
        return None
    fits = {"CMYK": b"CMYK", "1": b"GRAY", "L": b"GRAY", "LA": b"GRAY"}
    grey = image.mode.startswith("I;16") or raw_mode.startswith("LA")
    return found if space == (b"GRAY" if grey else fits.get(image.mode, b"RGB ")) else None


def _damaged(reason: str) -> str:
    return f"its colour profile is damaged ({reason}): its colours are taken as sRGB"


def _raw_mode(image: ImageFile.ImageFile) -> str:
    """How the file has its samples, in Pillow's words: ``RGB;16B``. Empty where Pillow does not say. To be
    asked before the pixels are loaded."""
    if not image.tile:
        return ""
    arguments = image.tile[0].args
    return str(arguments if isinstance(arguments, str) else (arguments or [""])[0])


def _has_16_bits(image: ImageFile.ImageFile, raw_mode: str) -> bool:
    # Of a TIFF file with a plane per colour, Pillow's mode does not say.
    planar = isinstance(image, TiffImageFile) and 16 in image.tag_v2.get(ExifTags.Base.BitsPerSample, ())
    return ";16" in raw_mode or planar


def _deep_samples(path: Path, raw_mode: str, has_alpha: bool, tables: bool) -> Words:
    """(H, W, C) of a file with 16 bits a sample, which Pillow would halve; alpha is the last.

    With ``tables``, as sRGB by the file's own profile.
    """
    import pyvips

    # By its bytes: libvips takes brackets in a name for options.
    opened = pyvips.Image.new_from_buffer(path.read_bytes(), "", fail_on="error")
    if tables:
        opened = opened.icc_transform("srgb", embedded=True, depth=16)
    samples: Words = opened.numpy().reshape(opened.height, opened.width, opened.bands)
    if samples.dtype != np.uint16:
        raise BadImage(f"{path}: expected samples of 16 bits, found {samples.dtype}")
    if "RGBa" in raw_mode:
        raise BadImage(f"{path}: expected colours apart from alpha, found 16-bit ones multiplied by it")
    # A channel that the file gives no meaning goes.
    n_channels = (1 if opened.bands < 3 else 3) + has_alpha
    return samples[:, :, :n_channels]


def _samples(image: Image.Image) -> tuple[Bytes, bool]:
    """(H, W, C) of an 8-bit picture, C being 1 for grey and 3 for colour, and one more with alpha."""
    has_alpha = image.has_transparency_data
    if image.mode in ("1", "L", "LA"):
        samples = np.asarray(image.convert("LA" if has_alpha else "L"))
    else:
        samples = np.asarray(image.convert("RGBA" if has_alpha else "RGB"))
    return samples.reshape(image.height, image.width, -1), has_alpha


def _without_tables(
    image: Image.Image, profile: bytes | None, notes: list[str]
) -> tuple[Image.Image, bytes | None]:
    """CMYK, and RGB whose profile is of tables, as sRGB in 8 bits; the rest as it is."""
    if profile is None or not _is_of_tables(profile):
        return image, profile
    try:
        source = image if image.mode == "CMYK" else image.convert("RGB")
        converted = ImageCms.profileToProfile(
            source, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except ImageCms.PyCMSError as error:
        notes.append(_damaged(" ".join(str(error).split())))
        return image, None
    assert converted is not None  # None is for inPlace only
    if image.has_transparency_data:
        converted.putalpha(image.convert("RGBA").getchannel("A"))
    return converted, None


def _is_of_tables(profile: bytes | None) -> bool:
    """Whether only LittleCMS can use it: one of CMYK, or of RGB by more than curves and a matrix."""
    try:
        return profile is not None and profile_space(profile) != b"GRAY" and not space_of_profile(profile)
    except DamagedProfile:
        return False  # said where it is used


def _to_srgb(
    colours: Float, profile: bytes | None, image: Image.Image, notes: list[str]
) -> tuple[Float, bytes | None]:
    """``colours`` (1 or 3, H, W) as sRGB (3, H, W), and the profile to write them in again."""
    if profile is not None:
        try:
            if len(colours) == 1:
                return _three(grey_to_srgb(colours, profile)), None
            space = space_of_profile(profile)
            assert space is not None  # tables were converted before
            return (colours if space.is_srgb else space.to_srgb(colours)), profile
        except DamagedProfile as error:
            notes.append(_damaged(str(error)))
            profile = None
    return _by_png_chunks(_three(colours), image, notes), None


def _by_png_chunks(rgb: Float, image: Image.Image, notes: list[str]) -> Float:
    """``rgb`` through gAMA and cHRM, where a PNG file has no better word on its colours."""
    if image.format != "PNG" or "srgb" in image.info or "icc_profile" in image.info:
        return rgb
    gamma = image.info.get("gamma", _USUAL_GAMMA)
    chromaticities = image.info.get("chromaticity", SRGB_CHROMATICITIES)
    if abs(gamma - _USUAL_GAMMA) < 0.01:
        gamma = None
    if gamma is None and np.allclose(chromaticities, SRGB_CHROMATICITIES, atol=0.005):
        return rgb
    try:
        return space_of_chromaticities(gamma, chromaticities).to_srgb(rgb)
    except DamagedProfile as error:
        notes.append(_damaged(str(error)))
        return rgb


def _three(grey_or_rgb: Float) -> Float:
    return np.repeat(grey_or_rgb, 3, axis=0) if len(grey_or_rgb) == 1 else grey_or_rgb
