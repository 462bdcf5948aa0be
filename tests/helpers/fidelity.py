"""Picture files through read, enlarge and write, opened again."""

from pathlib import Path

import numpy as np
import pyvips
from enlarging import doubled
from PIL import Image

from edge.images.image_file import read_image, write_picture

CASES = Path(__file__).parents[1] / "data" / "pictures"
FORMATS = ["png", "jpg", "webp", "avif", "tif"]

Array = np.ndarray


def through(source: Path, target: Path) -> Image.Image:
    """What a doubled ``source`` is in ``target``, opened by Pillow."""
    write_picture(target, doubled(read_image(source)))
    image = Image.open(target)
    image.load()
    return image


def samples(path: Path) -> Array:
    """By libvips, which keeps 16 bits: (H, W, C)."""
    image = pyvips.Image.new_from_file(str(path))
    return image.numpy().reshape(image.height, image.width, image.bands)


def noise(*shape: int, dtype: type = np.uint8) -> Array:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def softly_seen(samples: Array) -> Array:
    """With an alpha, the last channel, that has neither clear pixels, which are filled, nor hard edges."""
    soft = samples.copy()
    soft[:, :, -1] = soft[:, :, -1] // 4 + np.iinfo(samples.dtype).max // 4
    return soft


def p3() -> bytes:
    return bytes(pyvips.Image.profile_load("p3"))
