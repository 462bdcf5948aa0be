"""What a picture file says beside its pixels: EXIF, XMP, PNG's texts, the resolution."""

import re
from dataclasses import dataclass, replace
from typing import Any

from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngImageFile

Tag = ExifTags.Base

# Of EXIF's first directory, which in a TIFF file is the file's own: what describes how its pixels are stored,
# what stands elsewhere in ``Metadata`` or ``Picture``, and thumbnails.
_STRUCTURE = frozenset(
    {
        *range(254, 259),  # kind, width, height, bits
        *(259, 262, 263, 264, 265, 266),  # compression, photometric interpretation, thresholding, fill order
        *(273, 277, 278, 279, 280, 281, 284),  # strips, samples, planes
        *(282, 283, 296),  # resolution
        *range(288, 294),  # free space, grey response, fax
        *(301, 317, 318, 319, 320, 321, 322, 323, 324, 325, 330),  # curves, predictor, primaries, tiles
        *(332, 333, 334, 336, 337, 338, 339, 340, 341, 342, 347),  # inks, extra samples, JPEG tables
        *range(512, 522),  # JPEG inside TIFF, the thumbnail
        *range(529, 533),  # YCbCr
        700,  # XMP
        *(33_550, 33_922, 34_264),  # where a pixel lies on the earth
        *(34_377, 34_675, 37_724),  # Photoshop's blocks, ICC profile, layers
    }
)

# XMP repeats EXIF's orientation, as an attribute or as an element.
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation(?:=[\"']|>))\s*\d+")


@dataclass(frozen=True)
class Metadata:
    """``exif``: a block as files have it, of an upright picture; ``xmp``: its packet; empty without one.

    ``texts``: PNG's, keyword and text. ``dpi``: pixels per inch along x and y.
    """

    exif: bytes = b""
    xmp: bytes = b""
    texts: tuple[tuple[str, str], ...] = ()
    dpi: tuple[float, float] | None = None

    def enlarged(self, old: tuple[int, int], new: tuple[int, int]) -> "Metadata":
        """Of the picture of ``new`` (height, width) that one of ``old`` became: as large when printed."""
        dpi = None if self.dpi is None else (self.dpi[0] * new[1] / old[1], self.dpi[1] * new[0] / old[0])
        block = parse_exif(self.exif)
        if ExifTags.IFD.Exif not in block:
            return replace(self, dpi=dpi)
        details = dict(block.get_ifd(ExifTags.IFD.Exif))
        for tag, side in ((Tag.ExifImageWidth, new[1]), (Tag.ExifImageHeight, new[0])):
            if tag in details:
                details[tag] = side
        block[ExifTags.IFD.Exif] = details
        return replace(self, dpi=dpi, exif=block.tobytes())

    def stripped(self) -> "Metadata":
        """Without what tells where, when, by whom and with what the picture was made."""
        return Metadata(dpi=self.dpi)

    def exif_with_resolution(self, always: bool) -> bytes:
        """``exif`` with ``dpi`` in it; without EXIF only if ``always`` and there is a ``dpi``."""
        if not (self.exif or (always and self.dpi)):
            return b""
        block = parse_exif(self.exif)
        add_resolution(block, self.dpi)
        return block.tobytes()


NO_METADATA = Metadata()


def add_resolution(block: Image.Exif, dpi: tuple[float, float] | None) -> None:
    """Put ``dpi`` into ``block``, as EXIF and TIFF have it."""
    if dpi is not None:
        block[Tag.XResolution], block[Tag.YResolution] = dpi
        block[Tag.ResolutionUnit] = 2  # inch


def parse_exif(exif: bytes) -> Image.Exif:
    """The directories of a block; none of an empty one."""
    block = Image.Exif()
    if exif:
        block.load(exif)
    return block


def orientation(image: Image.Image) -> int:
    """EXIF's, 1 to 8; 1, upright, where there is none or one that EXIF does not know."""
    found = image.getexif().get(Tag.Orientation, 1)
    return found if found in range(1, 9) else 1


def read_metadata(image: Image.Image) -> Metadata:
    """Of an opened file, for the picture turned upright. Raises whatever Pillow does for damaged EXIF."""
    found = image.getexif()
    kept = Image.Exif()
    for tag, value in found.items():
        if tag not in _STRUCTURE and tag not in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            kept[tag] = value
    for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        content = dict(found.get_ifd(directory))
        content.pop(ExifTags.IFD.Interop, None)  # an offset into the old block
        if content:
            kept[directory] = content
    if Tag.Orientation in kept:
        kept[Tag.Orientation] = 1
    dpi = _dpi(image, found)
    if dpi and orientation(image) >= 5:  # a quarter turn
        dpi = dpi[::-1]
    xmp = image.info.get("xmp", b"")
    return Metadata(
        kept.tobytes() if len(kept) else b"",
        _XMP_ORIENTATION.sub(rb"\g<1>1", xmp) if isinstance(xmp, bytes) else b"",
        _texts(image),
        dpi,
    )


def _dpi(image: Image.Image, exif: Image.Exif) -> tuple[float, float] | None:
    # Of a JPEG without a resolution Pillow says 72, and JFIF's own unit 0 means none.
    says_so = image.info.get("jfif_unit") in (1, 2) if image.format in ("JPEG", "MPO") else True
    if image.format == "TIFF":  # of one without a resolution Pillow says 1
        says_so = Tag.XResolution in exif
    dpi: Any = image.info.get("dpi") if says_so else None
    if dpi is None and Tag.XResolution in exif and exif.get(Tag.ResolutionUnit) != 1:  # 1: no unit
        per_unit = 2.54 if exif.get(Tag.ResolutionUnit) == 3 else 1.0  # 3: centimetres
        dpi = [exif[Tag.XResolution] * per_unit, exif.get(Tag.YResolution, exif[Tag.XResolution]) * per_unit]
    if dpi is None:
        return None
    x, y = float(dpi[0]), float(dpi[1])
    return (x, y) if 0 < x < 1e6 and 0 < y < 1e6 else None  # not NaN either


def _texts(image: Image.Image) -> tuple[tuple[str, str], ...]:
    if not isinstance(image, PngImageFile):
        return ()
    # XMP is kept as such; "Raw profile type …" is how old programs wrapped EXIF and IPTC.
    return tuple(
        (key, str(text))
        for key, text in image.text.items()
        if key != "XML:com.adobe.xmp" and not key.startswith("Raw profile type")
    )
