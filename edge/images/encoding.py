"""From a ``Picture`` to the bytes of a file, and what each format can hold."""

import io
import os
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from edge.errors import BadInput
from edge.images.libvips import libvips
from edge.images.metadata import Metadata, add_resolution, parse_exif
from edge.images.picture import Animation, Picture
from edge.images.pixels import Samples, to_float, to_uint8
from edge.images.png_chunks import SIGNATURE, chunk, chunks, uncompressed
from edge.images.row_window import RowWindow
from edge.output_file import check_suffix

Tag = ExifTags.Base


@dataclass(frozen=True)
class Format:
    """``max_side``: pixels. ``options``: Pillow's, where no quality is asked for; ``lossy``: those beside
    one, None where there is none to choose. ``max_pixels``, ``max_bytes`` (of samples): None for any."""

    name: str
    max_side: int
    alpha: bool = True
    deep: bool = False  # 16 bits a sample
    options: dict[str, Any] = field(default_factory=dict)
    lossy: dict[str, Any] | None = None
    max_pixels: int | None = None
    max_bytes: int | None = None
    frames: bool = False  # animations
    still: bool = True  # pictures of one frame


# Pixels. What Pillow writes is held whole, at 20 bytes each with what the encoder needs.
_HELD = 100_000_000

# JPEG and AVIF: 4:4:4, so that coloured text keeps its edges. WebP: lossless, because lossy WebP always
# halves the resolution of colour; exact keeps the colours under transparent pixels. AVIF: the side that
# libavif reads again. PNG: the side that libvips writes. TIFF: its offsets have 32 bits, and deflated noise
# is a little longer than it was.
_FULL_COLOUR = {"subsampling": "4:4:4"}
_JPEG = Format("JPEG", 65_500, alpha=False, options={"quality": 95} | _FULL_COLOUR, lossy=_FULL_COLOUR)
_TIFF = Format("TIFF", 2**31 - 1, deep=True, max_bytes=2**32 - 2**24)
FORMATS = {
    ".png": Format("PNG", 10_000_000, deep=True, frames=True),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": Format(
        "WEBP",
        16_383,
        options={"lossless": True, "exact": True},
        lossy={"exact": True},
        max_pixels=_HELD,
        frames=True,
    ),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".avif": Format(
        "AVIF", 32_768, options={"quality": 90} | _FULL_COLOUR, lossy=_FULL_COLOUR, max_pixels=_HELD
    ),
    ".apng": Format("PNG", 10_000_000, frames=True, still=False),
    ".gif": Format("GIF", 65_535, frames=True, still=False),
}


# What a segment of a JPEG file holds beside its own name, in bytes.
_JPEG_SEGMENT = {"EXIF": 65_533, "XMP": 65_533 - 29}

# The marker before a JPEG file's tables of quantisation, its first segment that is no metadata.
_DQT = b"\xff\xdb"

# Bytes of samples that are deflated at a time in a TIFF file.
_TIFF_STRIP = 2**20


def check_format(path: Path, picture: Picture | None = None, quality: int | None = None) -> Format:
    """The format that ``path`` ends in. Raises BadInput for an unknown one and for what it cannot hold."""
    check_suffix(path, FORMATS)
    form = FORMATS[path.suffix.lower()]
    if quality is not None and form.lossy is None:
        lossy = ", ".join(suffix for suffix, known in FORMATS.items() if known.lossy is not None)
        raise BadInput(
            f"{path}: expected a quality for {lossy}, found one for {form.name}, which loses nothing"
        )
    if picture is not None:
        _check_size(path, picture, form)
        _check_content(path, picture, form)
    return form


def _check_size(path: Path, picture: Picture, form: Format) -> None:
    height, width = picture.size
    n_pixels = picture.n_frames * height * width
    if picture.animation is not None and n_pixels > _HELD:
        raise BadInput(f"{path}: expected at most {_HELD} pixels in all frames, found {n_pixels}")
    if max(picture.size) > form.max_side:
        raise BadInput(
            f"{path}: expected at most {form.max_side} pixels a side, which is {form.name}'s limit, "
            f"found {width}x{height}"
        )
    if form.max_pixels is not None and height * width > form.max_pixels:
        raise BadInput(
            f"{path}: expected at most {form.max_pixels} pixels for {form.name}, which is written as a "
            f"whole, found {width}x{height}; write .png, .tif or .jpg"
        )
    if form.max_bytes is not None and picture.n_bytes > form.max_bytes:
        raise BadInput(
            f"{path}: expected at most {form.max_bytes} bytes of samples, which is {form.name}'s limit, "
            f"found {picture.n_bytes}; write .png"
        )


def _check_content(path: Path, picture: Picture, form: Format) -> None:
    if picture.animation is not None and not form.frames:
        known = ", ".join(suffix for suffix, known in FORMATS.items() if known.frames)
        raise BadInput(
            f"{path}: expected a name ending in {known} for an animation, found one of {picture.n_frames} "
            f"frames for {form.name}"
        )
    if picture.animation is None and not form.still:
        raise BadInput(f"{path}: expected an animation for {path.suffix}, found a single picture; write .png")
    if picture.has_alpha and not form.alpha:
        raise BadInput(
            f"{path}: expected an opaque picture for {form.name}, found transparency; write .png, "
            f"or give --background"
        )
    for name, held in (("EXIF", picture.metadata.exif), ("XMP", picture.metadata.xmp)):
        if form.name == "JPEG" and len(held) > _JPEG_SEGMENT[name]:
            raise BadInput(
                f"{path}: expected at most {_JPEG_SEGMENT[name]} bytes of {name} for JPEG, "
                f"found {len(held)}; write .png, or leave them out by --strip"
            )


def encode(file: BinaryIO, picture: Picture, form: Format, quality: int | None = None) -> None:
    """Write ``picture`` to ``file`` in ``form``, strip by strip; ``quality``, 1 to 100, replaces the format's
    own choice.

    Raises whatever a loop over the strips does, and the OSError of a write.
    """
    if picture.bits == 16 and not form.deep:
        picture = replace(picture, bits=8, strips=(to_uint8(to_float(strip)) for strip in picture.strips))
    if picture.animation is not None:
        options = _options(form, quality) | _metadata(form.name, picture)
        _write_frames(file, picture, picture.animation, form.name, options)
    elif form.name == "TIFF":
        _write_tiff(file, picture)
    elif form.name in ("PNG", "JPEG"):
        _write_by_libvips(file, picture, form, quality)
    else:
        options = _options(form, quality) | _metadata(form.name, picture)
        _write_by_pillow(file, picture.samples, form.name, options)


def _options(form: Format, quality: int | None) -> dict[str, Any]:
    return form.options if quality is None else (form.lossy or {}) | {"quality": quality}


def _metadata(name: str, picture: Picture) -> dict[str, Any]:
    """Pillow's options that write what stands beside the pixels."""
    metadata = picture.metadata
    options: dict[str, Any] = {"icc_profile": picture.icc_profile}
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
    _image(samples).save(file, name, **options)


def _image(samples: Samples) -> Image.Image:
    # Without an axis of one channel, which Pillow does not take.
    return Image.fromarray(samples[:, :, 0] if samples.shape[2] == 1 else samples)


def _write_frames(
    file: BinaryIO, picture: Picture, animation: Animation, name: str, options: dict[str, Any]
) -> None:
    height = picture.size[0]
    samples = picture.samples
    if name == "GIF":
        samples = _clear_or_opaque(samples) if picture.has_alpha else samples
        options = {"disposal": 2}  # each frame alone, since the colours of one may be clear in the next
    if not (name == "GIF" and animation.loops == 1):
        options = options | {"loop": animation.loops}
    first, *others = (_image(samples[top : top + height]) for top in range(0, len(samples), height))
    durations = [round(duration) for duration in animation.durations]
    first.save(file, name, save_all=True, append_images=others, duration=durations, **options)


def _clear_or_opaque(samples: Samples) -> Samples:
    """A GIF has nothing between: what is at least half opaque is so."""
    made = samples.copy()
    made[:, :, -1] = np.where(samples[:, :, -1] >= 128, 255, 0)
    return made


def _write_by_libvips(file: BinaryIO, picture: Picture, form: Format, quality: int | None) -> None:
    """libvips's pixels among what Pillow writes beside them. Pillow holds the whole picture and has no 16-bit
    colours; libvips rewrites EXIF, and writes a resolution where there is none."""
    options = _options(form, quality)
    model = io.BytesIO()
    pixel = np.zeros((1, 1, picture.n_channels), np.uint8)
    _write_by_pillow(model, pixel, form.name, options | _metadata(form.name, picture))
    if form.name == "PNG":
        kept = [(name, body) for name, body in chunks(model) if name not in (b"IHDR", b"IEND")]
        others = b"".join(chunk(name, body) for name, body in kept)
        splice = _Splice(file, lambda begun: _png_beginning(begun, others))
        splice.write(picture, "pngsave_target", bitdepth=picture.bits, filter="all")
    else:
        segments = _segments(model.getvalue())
        splice = _Splice(file, lambda begun: _jpeg_beginning(begun, segments))
        splice.write(picture, "jpegsave_target", Q=options["quality"], subsample_mode="off")


def _png_beginning(begun: bytes, others: bytes) -> bytes | None:
    """``begun`` with ``others`` in place of all chunks between its header and its pixels, once these come."""
    header = len(SIGNATURE) + 25  # the chunk IHDR
    pixels = begun.find(b"IDAT") - 4  # its length
    return None if pixels < 0 else begun[:header] + others + begun[pixels:]


def _jpeg_beginning(begun: bytes, segments: bytes) -> bytes | None:
    """``begun`` with ``segments`` in place of all before its tables, once these come."""
    tables = begun.find(_DQT)
    return None if tables < 0 else segments + begun[tables:]


def _segments(jpeg: bytes) -> bytes:
    """What stands before the tables: the metadata."""
    at = 2  # the marker SOI
    while jpeg[at : at + 2] != _DQT:
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4])
    return jpeg[:at]


class _Splice:
    """A file that libvips writes, with another beginning.

    ``beginning``: what to write for the first bytes of libvips, or None where it needs more of them.
    """

    def __init__(self, file: BinaryIO, beginning: Callable[[bytes], bytes | None]) -> None:
        self._file, self._beginning = file, beginning
        self._begun: bytes | None = b""
        self._failure: BaseException | None = None

    def write(self, picture: Picture, save: str, **options: Any) -> None:
        """``picture`` by the saver ``save``, which works beside the loop over the strips, in another thread.

        Raises what the loop does, or the OSError of a write.
        """
        reading, writing = os.pipe()
        # The pipe ends first, whenever an interruption comes: the saver reads until then, and the pool waits
        # for the saver.
        with ThreadPoolExecutor(1) as pool, open(writing, "wb") as pipe:
            saving = pool.submit(self._save, reading, save, options)
            try:
                self._feed(pipe, picture)
                pipe.close()
                saving.result()
            except BaseException as error:
                self._failure = self._failure or error
                raise self._failure from None

    def _feed(self, pipe: BinaryIO, picture: Picture) -> None:
        try:
            for piece in uncompressed(picture.size, picture.n_channels, picture.bits, picture.strips):
                if self._failure is not None:
                    break
                pipe.write(piece)
        except BaseException as error:
            # Noted before the pipe is closed: its early end is a failure for the saver, but not the cause.
            self._failure = self._failure or error
            raise

    def _save(self, reading: int, save: str, options: dict[str, Any]) -> None:
        with open(reading, "rb") as pipe:
            try:
                pyvips = libvips()
                source = pyvips.Source.new_from_descriptor(reading)
                image = pyvips.Image.new_from_source(source, "", access="sequential", fail_on="error")
                target = pyvips.TargetCustom()
                target.on_write(self._on_write)
                getattr(image, save)(target, keep="none", **options)
            except BaseException as error:
                self._failure = self._failure or error
                raise
            finally:
                while pipe.read(2**16):  # whoever writes must not wait for a reader that has gone
                    pass

    def _on_write(self, data: bytes) -> int:
        if self._failure is not None:
            return -1
        try:
            self._file.write(self._spliced(data))
        except OSError as error:
            self._failure = error
            return -1
        return len(data)

    def _spliced(self, data: bytes) -> bytes:
        if self._begun is None:
            return data
        self._begun += data
        beginning = self._beginning(self._begun)
        if beginning is None:
            return b""
        self._begun = None
        return beginning


def _write_tiff(file: BinaryIO, picture: Picture) -> None:
    """Deflated strips. Pillow has no 16-bit colours, libvips no EXIF in TIFF; but Pillow's EXIF block is a
    TIFF file without pixels."""
    height = picture.size[0]
    n_rows = max(1, _TIFF_STRIP * height // picture.n_bytes)
    tops = range(0, height, n_rows)
    sizes = [0] * len(tops)
    file.write(_tiff_block(picture, n_rows, sizes))
    window = RowWindow(picture.strips)
    for number, top in enumerate(tops):
        samples = window.rows(top, min(top + n_rows, height))
        differences = samples.copy()
        differences[:, 1:] -= samples[:, :-1]
        # EXIF blocks of Pillow's are big-endian.
        strip = zlib.compress(differences.astype(samples.dtype.newbyteorder(">")).tobytes())
        sizes[number] = file.write(strip)
    file.seek(0)
    file.write(_tiff_block(picture, n_rows, sizes))


def _tiff_block(picture: Picture, n_rows: int, sizes: Sequence[int]) -> bytes:
    """The file up to its pixels, in strips of ``n_rows`` and of ``sizes`` in bytes."""
    (height, width), n_colours = picture.size, 1 if picture.grey else 3
    block = parse_exif(picture.metadata.exif)
    block.endian = ">"
    add_resolution(block, picture.metadata.dpi)
    block[Tag.ImageWidth], block[Tag.ImageLength] = width, height
    block[Tag.BitsPerSample] = (picture.bits,) * picture.n_channels
    block[Tag.Compression] = 8  # deflate
    block[Tag.PhotometricInterpretation] = 1 if picture.grey else 2
    block[Tag.SamplesPerPixel], block[Tag.RowsPerStrip] = picture.n_channels, n_rows
    block[Tag.Predictor] = 2  # each sample less the one to its left
    if picture.n_channels > n_colours:
        block[Tag.ExtraSamples] = 2  # alpha, with colours not multiplied by it
    if picture.metadata.xmp:
        block[Tag.XMLPacket] = picture.metadata.xmp
    if picture.icc_profile:
        block[Tag.InterColorProfile] = picture.icc_profile
    block[Tag.StripByteCounts] = tuple(sizes)
    block[Tag.StripOffsets] = tuple(accumulate(sizes[:-1], initial=0))  # Pillow adds what stands before
    return block.tobytes().removeprefix(b"Exif\0\0")
