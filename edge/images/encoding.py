"""From a ``Picture`` to the bytes of a file, and what each format can hold."""

import io
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from edge.errors import BadImage, BadInput
from edge.images.colour import space_of_profile
from edge.images.metadata import NO_METADATA, Metadata, add_resolution, parse_exif
from edge.images.picture import Picture
from edge.images.pixels import to_uint8, to_uint16
from edge.output_file import check_suffix

Tag = ExifTags.Base
Samples = NDArray[Any]  # (H, W, C), uint8 or uint16


@dataclass(frozen=True)
class Format:
    """``max_side``: pixels. ``options``: Pillow's, where no quality is asked for; ``lossy``: those beside
    one, None where there is none to choose."""

    name: str
    max_side: int
    alpha: bool = True
    deep: bool = False  # 16 bits a sample
    options: dict[str, Any] = field(default_factory=dict)
    lossy: dict[str, Any] | None = None


# JPEG and AVIF: 4:4:4, so that coloured text keeps its edges. WebP: lossless, because lossy WebP always
# halves the resolution of colour; exact keeps the colours under transparent pixels. AVIF: the side that
# libavif reads again.
_FULL_COLOUR = {"subsampling": "4:4:4"}
_JPEG = Format("JPEG", 65_500, alpha=False, options={"quality": 95} | _FULL_COLOUR, lossy=_FULL_COLOUR)
_TIFF = Format("TIFF", 2**31 - 1, deep=True)
FORMATS = {
    ".png": Format("PNG", 2**31 - 1, deep=True),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": Format("WEBP", 16_383, options={"lossless": True, "exact": True}, lossy={"exact": True}),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".avif": Format("AVIF", 32_768, options={"quality": 90} | _FULL_COLOUR, lossy=_FULL_COLOUR),
}


# What a segment of a JPEG file holds beside its own name, in bytes.
_JPEG_SEGMENT = {"EXIF": 65_533, "XMP": 65_533 - 29}


def check_format(
    path: Path,
    size: tuple[int, int] | None = None,
    alpha: bool = False,
    quality: int | None = None,
    metadata: Metadata = NO_METADATA,
) -> Format:
    """The format that ``path`` ends in. Raises BadInput for an unknown one and for what it cannot hold."""
    check_suffix(path, FORMATS)
    form = FORMATS[path.suffix.lower()]
    if size is not None and max(size) > form.max_side:
        raise BadInput(
            f"{path}: expected at most {form.max_side} pixels a side, which is {form.name}'s limit, "
            f"found {size[1]}x{size[0]}"
        )
    if alpha and not form.alpha:
        raise BadInput(
            f"{path}: expected an opaque picture for {form.name}, found transparency; write .png, "
            f"or give --background"
        )
    if quality is not None and form.lossy is None:
        lossy = ", ".join(suffix for suffix, known in FORMATS.items() if known.lossy is not None)
        raise BadInput(
            f"{path}: expected a quality for {lossy}, found one for {form.name}, which loses nothing"
        )
    for name, held in (("EXIF", metadata.exif), ("XMP", metadata.xmp)):
        if form.name == "JPEG" and len(held) > _JPEG_SEGMENT[name]:
            raise BadInput(
                f"{path}: expected at most {_JPEG_SEGMENT[name]} bytes of {name} for JPEG, "
                f"found {len(held)}; write .png, or leave them out by --strip"
            )
    return form


def encode(file: BinaryIO, picture: Picture, form: Format, quality: int | None = None) -> None:
    """Write ``picture`` to ``file`` in ``form``; ``quality``, 1 to 100, replaces the format's own choice.

    Raises BadImage for NaN among the pixels.
    """
    samples = samples_of(picture, form.deep and picture.bits == 16)
    if form.name == "TIFF":
        _write_tiff(file, samples, picture)
    elif samples.dtype == np.uint16:
        _write_deep_png(file, samples, picture)
    else:
        options = form.options if quality is None else (form.lossy or {}) | {"quality": quality}
        _write_by_pillow(file, samples, form.name, options | _metadata(form.name, picture))


def samples_of(picture: Picture, deep: bool) -> Samples:
    rgb = picture.rgb
    if picture.grey:
        red, green, blue = rgb
        rgb = ((red + green + blue) / np.float32(3))[None]
    elif picture.icc_profile and (space := space_of_profile(picture.icc_profile)) and not space.is_srgb:
        if np.isnan(rgb).any():
            raise BadImage("expected pixels in numbers, found NaN")
        rgb = space.from_srgb(rgb)
    planes = rgb if picture.alpha is None else np.concatenate([rgb, picture.alpha[None]])
    samples = to_uint16(planes) if deep else to_uint8(planes)
    return np.ascontiguousarray(samples.transpose(1, 2, 0))


def _profile(picture: Picture) -> bytes | None:
    return None if picture.grey else picture.icc_profile


def _metadata(name: str, picture: Picture) -> dict[str, Any]:
    """Pillow's options that write what stands beside the pixels."""
    metadata = picture.metadata
    options: dict[str, Any] = {"icc_profile": _profile(picture)}
    # WebP and AVIF have no other place for a resolution.
    exif = metadata.exif_with_resolution(always=name in ("WEBP", "AVIF"))
    if exif:
        options["exif"] = exif
    if name == "PNG":
        options["pnginfo"] = _texts(metadata)
    elif metadata.xmp:
        options["xmp"] = metadata.xmp
    if metadata.dpi and name in ("PNG", "JPEG"):
        x, y = metadata.dpi
        options["dpi"] = (x, y) if name == "PNG" else (min(round(x), 65_535), min(round(y), 65_535))
    return options


def _texts(metadata: Metadata) -> PngInfo:
    texts = PngInfo()
    if metadata.xmp:
        texts.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
    for key, text in metadata.texts:
        texts.add_text(key, text)
    return texts


def _write_by_pillow(file: BinaryIO, samples: Samples, name: str, options: dict[str, Any]) -> None:
    # Without an axis of one channel, which Pillow does not take.
    Image.fromarray(samples[:, :, 0] if samples.shape[2] == 1 else samples).save(file, name, **options)


def _write_deep_png(file: BinaryIO, samples: Samples, picture: Picture) -> None:
    """libvips's pixels of 16 bits, which Pillow has for grey only, among Pillow's other chunks."""
    import pyvips

    space = "grey16" if samples.shape[2] < 3 else "rgb16"
    image = pyvips.Image.new_from_array(samples).copy(interpretation=space)
    pixels = _chunks(image.pngsave_buffer(bitdepth=16, keep="none"))
    model = io.BytesIO()
    _write_by_pillow(model, np.zeros((1, 1, samples.shape[2]), np.uint8), "PNG", _metadata("PNG", picture))
    others = _chunks(model.getvalue())
    kept = (b"IHDR", b"IDAT", b"IEND")
    middle = [chunk for name, chunk in others if name not in kept]
    header, *rest = [chunk for name, chunk in pixels if name in kept]
    file.writelines([b"\x89PNG\r\n\x1a\n", header, *middle, *rest])


def _chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """Name and bytes of each chunk; the bytes have its length, name and checksum around them."""
    chunks, at = [], 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        chunks.append((png[at + 4 : at + 8], png[at : at + 12 + size]))
        at += 12 + size
    return chunks


def _write_tiff(file: BinaryIO, samples: Samples, picture: Picture) -> None:
    """A TIFF file of one deflated strip. Pillow has no 16-bit colours, libvips no EXIF in TIFF; but Pillow's
    EXIF block is a TIFF file without pixels."""
    height, width, n_channels = samples.shape
    n_colours = 1 if n_channels < 3 else 3
    differences = samples.copy()
    differences[:, 1:] -= samples[:, :-1]
    # EXIF blocks of Pillow's are big-endian.
    strip = zlib.compress(differences.astype(samples.dtype.newbyteorder(">")).tobytes())
    block = parse_exif(picture.metadata.exif)
    block.endian = ">"
    add_resolution(block, picture.metadata.dpi)
    block[Tag.ImageWidth], block[Tag.ImageLength] = width, height
    block[Tag.BitsPerSample] = (8 * samples.itemsize,) * n_channels
    block[Tag.Compression] = 8  # deflate
    block[Tag.PhotometricInterpretation] = 1 if n_colours == 1 else 2
    block[Tag.SamplesPerPixel], block[Tag.RowsPerStrip] = n_channels, height
    block[Tag.Predictor] = 2  # each sample less the one to its left
    if n_channels > n_colours:
        block[Tag.ExtraSamples] = 2  # alpha, with colours not multiplied by it
    if picture.metadata.xmp:
        block[Tag.XMLPacket] = picture.metadata.xmp
    if profile := _profile(picture):
        block[Tag.InterColorProfile] = profile
    block[Tag.StripByteCounts] = len(strip)
    block[Tag.StripOffsets] = 0  # Pillow adds the size of what stands before
    file.writelines([block.tobytes().removeprefix(b"Exif\0\0"), strip])
