"""Rows of a picture file as they are asked for, for pictures that are too large to be held."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import TiffImageFile

from edge.errors import BadImage
from edge.images.libvips import libvips
from edge.images.orientation import Turn, turn_image
from edge.images.pixels import Samples

Tag = ExifTags.Base

# Rows that are read at a time.
_ROWS = 64

# How Pillow's names begin for samples in which colours, or grey, are multiplied by alpha.
MULTIPLIED = ("RGBa", "La")

# TIFF's photometric interpretations of grey and RGB.
_PLAIN_TIFF = (0, 1, 2)


def comes_in_rows(image: Image.Image, raw_mode: str) -> bool:
    """Whether libvips decodes the file of ``image``, opened by Pillow, row by row, to the samples that Pillow
    has. A progressive JPEG or an interlaced PNG it would hold whole."""
    if image.format == "PNG":
        return not image.info.get("interlace")
    if image.format in ("JPEG", "MPO"):
        return image.mode in ("L", "RGB") and not image.info.get("progressive")
    return (
        image.format == "TIFF"
        and image.mode in ("1", "L", "LA", "RGB", "RGBA", "I;16", "I;16B")
        and image.getexif().get(Tag.PhotometricInterpretation) in _PLAIN_TIFF
        and not raw_mode.startswith(MULTIPLIED)
    )


def largest_block(image: Image.Image) -> int:
    """Bytes of the largest compressed strip or tile of a TIFF file, which libtiff holds; 0 of other files."""
    if not isinstance(image, TiffImageFile) or image.tag_v2.get(Tag.Compression, 1) == 1:
        return 0
    sizes = (image.tag_v2.get(tag, ()) for tag in (Tag.StripByteCounts, Tag.TileByteCounts))
    return max((size for of in sizes for size in of), default=0)


@dataclass(frozen=True)
class FileRows:
    """The samples of a file that libvips reads, as strips of a ``Picture``, turned by ``turn``; each loop
    reads the file again.

    ``n_channels``: those to keep, since others have no meaning; ``bits``: 8 or 16 of each sample. With
    ``to_srgb`` they go through the file's own profile. ``block``: bytes of the file that are held at once,
    beside the rows. A loop raises BadImage where the file is damaged.
    """

    path: Path
    turn: Turn
    n_channels: int
    bits: int
    to_srgb: bool = False
    block: int = 0

    def __iter__(self) -> Iterator[Samples]:
        pyvips = libvips()
        try:
            image = self._open()
            region = pyvips.Region.new(image)
            for top in range(0, image.height, _ROWS):
                height = min(_ROWS, image.height - top)
                flat = np.frombuffer(region.fetch(0, top, image.width, height), f"u{self.bits // 8}")
                yield flat.reshape(height, image.width, image.bands)[:, :, : self.n_channels]
        except pyvips.Error as error:
            reason = " ".join(str(error).split())
            raise BadImage(
                f"{self.path}: expected a whole picture, found a damaged one ({reason})"
            ) from error

    @property
    def reads_backwards(self) -> bool:
        """Whether rows are not those of the file from top to bottom: libvips then decodes it first, into a
        temporary file where it is large."""
        return self.turn.transposed or self.turn.upside_down

    def _open(self) -> Any:
        pyvips = libvips()
        access = "random" if self.reads_backwards else "sequential"
        # As a source: libvips takes brackets in a name for options.
        source = pyvips.Source.new_from_file(str(self.path))
        # A TIFF file may be one compressed strip, of more bytes than libvips takes if it is not told to.
        unlimited = self.block > 0
        image = pyvips.Image.new_from_source(source, "", access=access, fail_on="error", unlimited=unlimited)
        if self.to_srgb:
            image = image.icc_transform("srgb", embedded=True, depth=16)
        expected = "ushort" if self.bits == 16 else "uchar"
        if image.format != expected or image.bands < self.n_channels:
            raise BadImage(
                f"{self.path}: expected {self.n_channels} channels of {self.bits} bits, found {image.bands} "
                f"of the type {image.format}"
            )
        return turn_image(image, self.turn)
