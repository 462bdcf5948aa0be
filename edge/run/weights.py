"""Which embedded weights suit a picture, and why: how its file was saved, and whether it was drawn.

A network that was trained on clean photographs sharpens the artefacts of lossy files, and makes text of a few
pixels a texture; one that was trained on lossy files takes a little detail of clean ones for artefacts.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge.images.image_file import open_image

# The luminance table of the JPEG standard (ITU-T T.81, table K.1), which quality 50 stands for.
STANDARD_SUM = 3688  # of its 64 steps

# From this quality on `fast` gains as much over bicubic or more (models/weights/README.md has both).
LOSSY_BELOW = 98

# Share of pixels that are like their left neighbour from which a lossless picture counts as drawn. Of 40
# drawn screens the least had 0.46 after a bicubic reduction and 0.64 as drawn; of 235 photographs one had
# more than 0.4, a night sky.
DRAWN_FROM = 0.4

# Of a picture, so many strips and so many rows of each are looked at.
_STRIPS, _ROWS = 64, 256

CLEAN, LOSSY, DRAWN = "fast", "photo", "screen"


@dataclass(frozen=True)
class Choice:
    """The name of embedded weights, and the reason in words that follow it: ``photo: a JPEG of …``."""

    weights: str
    reason: str


def choose_weights(
    image: Image.Image | str | os.PathLike[str] | None, strips: Iterable[NDArray[Any]]
) -> Choice:
    """The weights for a picture. ``image``: opened by Pillow, or its file, which ``edge.images`` can read;
    None where neither is known. ``strips``: its samples (n, W, C), from top to bottom.
    """
    if image is None:
        return _for_lossless("array", strips)
    if isinstance(image, Image.Image):
        return _for_image(image, strips)
    with open_image(image) as opened:
        return _for_image(opened, strips)


def at_size(choice: Choice, lr_size: tuple[int, int], size: tuple[int, int]) -> Choice:
    """``choice`` where ``lr_size`` (height, width) becomes ``size``: the weights for screens know ×2 only."""
    if choice.weights == DRAWN and size != (2 * lr_size[0], 2 * lr_size[1]):
        return Choice(CLEAN, f"{choice.reason}, but not at ×2")
    return choice


def _for_image(image: Image.Image, strips: Iterable[NDArray[Any]]) -> Choice:
    if image.format in ("JPEG", "MPO"):
        quality = jpeg_quality(image.quantization)  # type: ignore[attr-defined]  # of JPEG files only
        if quality < LOSSY_BELOW:
            return Choice(LOSSY, f"a JPEG of quality {quality}")
        return Choice(CLEAN, f"a JPEG of quality {quality}")
    if image.format == "WEBP":
        path = str(getattr(image, "filename", ""))  # empty where it was not opened by its path
        if not path or not is_lossless_webp(path):
            return Choice(LOSSY, "a lossy WebP")
        return _for_lossless("lossless WebP", strips)
    if image.format == "AVIF":
        return Choice(LOSSY, "an AVIF")
    return _for_lossless(image.format or "picture in memory", strips)


def _for_lossless(kind: str, strips: Iterable[NDArray[Any]]) -> Choice:
    share = flat_share(strips)
    article = "an" if kind == "array" else "a"
    if share >= DRAWN_FROM:
        return Choice(DRAWN, f"{article} {kind}, {100 * share:.0f} % of it flat")
    return Choice(CLEAN, f"{article} {kind} has no loss of its own")


def flat_share(strips: Iterable[NDArray[Any]]) -> float:
    """Share of the pixels in ``strips`` (n, W, C) that are equal to their left neighbour; 0 of a column."""
    equal = total = 0
    for strip in islice(strips, _STRIPS):
        rows = strip[:: -(-len(strip) // _ROWS)]
        like = (rows[:, 1:] == rows[:, :-1]).all(axis=2)
        equal, total = equal + int(np.count_nonzero(like)), total + like.size
    return equal / total if total else 0.0


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
