"""From an opened picture file to a ``Picture``: samples, orientation, colours, metadata."""

import io
import mmap
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from edge.errors import BadImage
from edge.images.colour import (
    SRGB_CHROMATICITIES,
    ColourSpace,
    DamagedProfile,
    GreyCurve,
    curve_of_profile,
    profile_space,
    space_of_chromaticities,
    space_of_profile,
)
from edge.images.file_rows import MULTIPLIED, FileRows, comes_in_rows, largest_block
from edge.images.metadata import Metadata, orientation, read_metadata
from edge.images.orientation import TURNS, Turn, turn_samples
from edge.images.picture import Animation, Picture, kept_space
from edge.images.pixels import Bytes, Samples
from edge.images.png_chunks import of_one_pixel

# What Pillow decodes takes up to 12 bytes a pixel: its own 4, 4 of a conversion, and our samples.
# Within 1 GiB. A file that claims more is refused before its pixels are decoded: a few kilobytes can claim
# any size.
MAX_PIXELS = 2**30 // 12

# Pictures of more pixels are read row by row, where their format can be.
MAX_HELD_PIXELS = 2**25

# Pillow's 8-bit modes whose colours are defined without further knowledge. Absent: I and F (no known
# range), LAB and HSV (no picture file in daily use).
_EIGHT_BIT_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")

# Of files with 16 bits a sample, how Pillow opens those that libvips decodes. Of 16-bit CMYK Pillow keeps
# the upper 8.
_DEEP_MODES = ("I;16", "I;16B", "I;16L", "I;16N", "L", "LA", "RGB", "RGBA", "RGBX")

# gAMA of sRGB and of most programs that write it: 1 / 2.2, in fact sRGB's own curve.
_USUAL_GAMMA = 0.45455


def decode(path: Path, image: ImageFile.ImageFile, held: int = MAX_HELD_PIXELS) -> Picture:
    """The picture in ``image``, opened from ``path`` and not loaded yet. One of more than ``held`` pixels is
    read from ``path`` row by row, where its format can be: once here, to know that it is whole, and then in
    each loop over its strips.

    Raises BadImage for pixels without a known range and for more of them than can be held, and whatever
    Pillow and libvips do for damaged files.
    """
    notes: list[str] = []
    raw_mode = _raw_mode(image)
    if image.format == "PNG" and not _has_end(path):
        notes.append("its end is cut off, behind its pixels, which are all there")
    deep = image.mode in _DEEP_MODES and _has_16_bits(image, raw_mode)
    in_rows = image.width * image.height > held and _comes_in_rows(image, raw_mode, deep)
    by_libvips = deep or in_rows
    if not in_rows:
        _check_size(path, image)
    if not by_libvips:
        image.load()
    metadata, turn = _metadata(_without_pixels(path, image) if by_libvips else image, notes)
    profile = _profile(image, raw_mode, notes)
    strips: FileRows | tuple[Samples, ...]
    if by_libvips:
        rows, profile = _rows(path, image, raw_mode, turn, 16 if deep else 8, profile)
        strips = rows if in_rows else (np.concatenate(list(rows)),)
        has_alpha, grey = image.has_transparency_data, _is_grey(image, raw_mode)
    elif image.mode in _EIGHT_BIT_MODES:
        converted, profile = _without_tables(image, profile, notes)
        strips = (np.ascontiguousarray(turn_samples(_samples(converted), turn)),)
        has_alpha, grey = converted.has_transparency_data, _is_grey(converted)
    else:
        raise BadImage(f"{path}: expected 8 or 16 bits of grey or colour, found mode {image.mode}")
    if (in_rows or has_alpha) and _last_is_white(strips) and has_alpha:
        strips, has_alpha = _without_last(strips), False
    space, profile = _colours(profile, grey, image, notes)
    size = _upright_size(image, turn)
    return Picture(size, strips, grey, has_alpha, 16 if deep else 8, space, profile, metadata, tuple(notes))


def decode_frames(path: Path, image: ImageFile.ImageFile) -> Picture:
    """The animation in ``image``, opened from ``path``: each frame as it is seen.

    Raises BadImage for more pixels in all than can be held, and whatever Pillow does for damaged files.
    """
    notes: list[str] = []
    # The picture for programs that know no APNG is no frame.
    frames = range(1 if getattr(image, "default_image", False) else 0, getattr(image, "n_frames", 1))
    n_pixels = len(frames) * image.width * image.height
    if n_pixels > MAX_PIXELS:
        raise BadImage(f"{path}: expected at most {MAX_PIXELS} pixels in all frames, found {n_pixels}")
    metadata, _ = _metadata(image, notes)
    found = _profile(image, "", notes)
    strips: list[Samples] = []
    durations: list[float] = []
    for number in frames:
        image.seek(number)
        image.load()
        seen, profile = _without_tables(image.convert("RGBA"), found, notes if not strips else [])
        strips.append(np.asarray(seen.convert("RGBA")))
        durations.append(float(image.info.get("duration", 0)))
    opaque = _last_is_white(strips)
    space, profile = _colours(profile, False, image, notes)
    return Picture(
        (image.height, image.width),
        _without_last(tuple(strips)) if opaque else tuple(strips),
        has_alpha=not opaque,
        space=space,
        icc_profile=profile,
        metadata=metadata,
        notes=tuple(notes),
        # A GIF that does not say how often is played once.
        animation=Animation(tuple(durations), int(image.info.get("loop", 1))),
    )


def _comes_in_rows(image: Image.Image, raw_mode: str, deep: bool) -> bool:
    # Tables of 8 bits are gone through by Pillow, as in pictures that are held.
    return comes_in_rows(image, raw_mode) and (deep or not _is_of_tables(image.info.get("icc_profile")))


def _check_size(path: Path, image: Image.Image) -> None:
    n_pixels = image.width * image.height
    if n_pixels > MAX_PIXELS:
        raise BadImage(
            f"{path}: expected at most {MAX_PIXELS} pixels of a file that cannot be read row by row, "
            f"found {image.width}x{image.height} = {n_pixels}"
        )


def _without_pixels(path: Path, image: Image.Image) -> Image.Image:
    """``image``, or one that says the same and whose pixels need not be decoded to be asked."""
    return Image.open(of_one_pixel(path)) if image.format == "PNG" else image


def _upright_size(image: Image.Image, turn: Turn) -> tuple[int, int]:
    # Of a TIFF file Pillow says it already.
    if turn.transposed and image.format != "TIFF":
        return image.width, image.height
    return image.height, image.width


def _is_grey(image: Image.Image, raw_mode: str = "") -> bool:
    # Grey of 16 bits with alpha Pillow opens as RGBA.
    return image.mode in ("1", "L", "LA") or image.mode.startswith("I;16") or raw_mode == "LA;16B"


def _last_is_white(strips: Iterable[Samples]) -> bool:
    """Whether the last channel is white everywhere. All strips are looked at: none may be damaged."""
    return all([(strip[:, :, -1] == np.iinfo(strip.dtype).max).all() for strip in strips])


def _without_last(strips: FileRows | tuple[Samples, ...]) -> FileRows | tuple[Samples, ...]:
    if isinstance(strips, FileRows):
        return replace(strips, n_channels=strips.n_channels - 1)
    return tuple(strip[:, :, :-1] for strip in strips)


def _has_end(png: Path) -> bool:
    """Whether its last chunk is there; Pillow needs it no more than its pixels do."""
    with png.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.rfind(b"IEND\xaeB`\x82") >= 0


def _metadata(image: Image.Image, notes: list[str]) -> tuple[Metadata, Turn]:
    try:
        return read_metadata(image), TURNS[orientation(image)]
    except Exception as error:  # Pillow's reader of EXIF raises nearly every type on damaged blocks
        reason = " ".join(str(error).split()) or type(error).__name__
        notes.append(f"its EXIF is damaged ({reason}) and left out")
        return Metadata(), TURNS[1]


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
    fits = b"GRAY" if _is_grey(image, raw_mode) else b"CMYK" if image.mode == "CMYK" else b"RGB "
    return found if space == fits else None


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


def _rows(
    path: Path, image: Image.Image, raw_mode: str, turn: Turn, bits: int, profile: bytes | None
) -> tuple[FileRows, bytes | None]:
    """By libvips, which keeps 16 bits; alpha is the last channel. A profile of tables is gone through."""
    if raw_mode.startswith(MULTIPLIED):
        raise BadImage(f"{path}: expected colours apart from alpha, found 16-bit ones multiplied by it")
    n_channels = (1 if _is_grey(image, raw_mode) else 3) + image.has_transparency_data
    tables = _is_of_tables(profile)
    rows = FileRows(path, turn, n_channels, bits, tables, largest_block(image))
    return rows, None if tables else profile


def _samples(image: Image.Image) -> Bytes:
    """(H, W, C) of an 8-bit picture, C being 1 for grey and 3 for colour, and one more with alpha."""
    mode = "L" if _is_grey(image) else "RGB"
    if image.has_transparency_data:
        mode += "A"
    samples = np.asarray(image if image.mode == mode else image.convert(mode))
    return samples.reshape(image.height, image.width, -1)


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


def _colours(
    profile: bytes | None, grey: bool, image: Image.Image, notes: list[str]
) -> tuple[ColourSpace | GreyCurve | None, bytes | None]:
    """What the numbers mean, None for sRGB, and the profile to write them in again."""
    if profile is not None:
        try:
            return (curve_of_profile(profile), None) if grey else (kept_space(profile), profile)
        except DamagedProfile as error:
            notes.append(_damaged(str(error)))
    return _space_of_png_chunks(image, notes), None


def _space_of_png_chunks(image: Image.Image, notes: list[str]) -> ColourSpace | None:
    """By gAMA and cHRM, where a PNG file has no better word on its colours."""
    if image.format != "PNG" or "srgb" in image.info or "icc_profile" in image.info:
        return None
    gamma = image.info.get("gamma", _USUAL_GAMMA)
    chromaticities = image.info.get("chromaticity", SRGB_CHROMATICITIES)
    if abs(gamma - _USUAL_GAMMA) < 0.01:
        gamma = None
    if gamma is None and np.allclose(chromaticities, SRGB_CHROMATICITIES, atol=0.005):
        return None
    try:
        return space_of_chromaticities(gamma, chromaticities)
    except DamagedProfile as error:
        notes.append(_damaged(str(error)))
        return None
