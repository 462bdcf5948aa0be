"""What training reads of a picture file."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from models.errors import DataError

# Decoded photographs that a process keeps: 500 of BSDS500's size are 230 MB.
KEPT_PICTURES = 512


@lru_cache(KEPT_PICTURES)
def read_picture(path: Path) -> NDArray[np.uint8]:
    """(H, W, 3) RGB. Raises DataError for a file that is no picture, or whose colours have no known range."""
    try:
        with Image.open(path) as image:
            return np.asarray(_eight_bit(path, image).convert("RGB"))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: expected a picture, found {error}") from error


def _eight_bit(path: Path, image: Image.Image) -> Image.Image:
    """16-bit grey in 8 bits; what Pillow would cut off at 255 without a word is refused."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) / 257).round().astype(np.uint8))
    if image.mode in ("I", "F"):
        raise DataError(f"{path}: expected 8-bit colours or 8- or 16-bit grey, found mode {image.mode}")
    return image
