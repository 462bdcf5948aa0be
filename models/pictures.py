"""The pictures of a folder: which files they are, to every command alike, and what training reads of them."""

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from models.errors import DataError, RecipeError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif")

# Decoded photographs that a process keeps: 500 of BSDS500's size are 230 MB.
KEPT_PICTURES = 512


def picture_files(folder: Path) -> list[Path]:
    """Paths of the pictures in ``folder``, not below it, by name. Raises DataError if there is none."""
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing there"
        raise DataError(f"{folder}: expected a folder of pictures, found {found}")
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
    if not paths:
        raise DataError(f"{folder}: expected pictures ({', '.join(SUFFIXES)}), found none")
    return paths


def split_pictures(files: list[Path], held_out: int) -> tuple[list[Path], list[Path]]:
    """(to train on, to measure on): ``held_out`` pictures, evenly over the names, are never trained on."""
    if not 0 < held_out < len(files):
        raise RecipeError(
            f"expected to hold out 1 to {len(files) - 1} of {len(files)} pictures, found {held_out}"
        )
    chosen = {files[number * len(files) // held_out] for number in range(held_out)}
    return [file for file in files if file not in chosen], sorted(chosen)


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
