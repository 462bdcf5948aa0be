"""Which embedded weights suit a picture file, and why: what the file says of how it was saved.

A network that was trained on clean pictures sharpens the artefacts of lossy files; one that was trained on
lossy files takes a little detail of clean ones for artefacts.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

# The luminance table of the JPEG standard (ITU-T T.81, table K.1), which quality 50 stands for.
STANDARD_SUM = 3688  # of its 64 steps

# From this quality on `fast` gains more over bicubic (models/weights/README.md has both).
LOSSY_BELOW = 95

CLEAN, LOSSY = "fast", "photo"


@dataclass(frozen=True)
class Choice:
    """The name of embedded weights, and the reason in words that follow it: ``photo: a JPEG of …``."""

    weights: str
    reason: str


def choose_weights(path: str | os.PathLike[str]) -> Choice:
    """The weights for the picture in ``path``, which ``edge.images`` can read."""
    with Image.open(path) as image:
        return choose_weights_for(image)


def choose_weights_for(image: Image.Image) -> Choice:
    """The weights for an opened picture, by its file; a picture that is of no file has lost nothing."""
    if image.format in ("JPEG", "MPO"):
        quality = jpeg_quality(image.quantization)  # type: ignore[attr-defined]  # of JPEG files only
        chosen = LOSSY if quality < LOSSY_BELOW else CLEAN
        return Choice(chosen, f"a JPEG of quality {quality}")
    if image.format == "WEBP":
        path = str(getattr(image, "filename", ""))  # empty where it was not opened by its path
        lossless = bool(path) and is_lossless_webp(path)
        return Choice(CLEAN if lossless else LOSSY, f"a {'lossless' if lossless else 'lossy'} WebP")
    if image.format == "AVIF":
        return Choice(LOSSY, "an AVIF")
    return Choice(CLEAN, f"a {image.format or 'picture in memory'} has no loss of its own")


def jpeg_quality(tables: Mapping[int, Sequence[int]]) -> int:
    """The quality, 1 to 100, whose luminance table in the Independent JPEG Group's scale is as coarse on
    average as the first of a file's quantization ``tables``, of 64 steps each. Steps end at 255, so that
    qualities below 20 come out too high."""
    percent = 100 * sum(step for step in tables[min(tables)] if step > 1) / STANDARD_SUM
    quality = 50 * 100 / percent if percent > 100 else 100 - percent / 2
    return max(1, min(100, round(quality)))


def is_lossless_webp(path: str | os.PathLike[str]) -> bool:
    """Whether the first picture of a WebP file is in its lossless format (RFC 9649, section 2.6)."""
    with open(path, "rb") as file:
        file.seek(12)  # after RIFF, the size and WEBP
        while len(header := file.read(8)) == 8:
            name, size = header[:4], int.from_bytes(header[4:], "little")
            if name in (b"VP8 ", b"VP8L"):
                return name == b"VP8L"
            if name == b"ANMF":  # a frame's chunks follow its own 16 bytes
                file.seek(16, os.SEEK_CUR)
            else:
                file.seek(size + size % 2, os.SEEK_CUR)
    return False
