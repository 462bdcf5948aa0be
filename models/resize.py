"""How pictures come to their size before they are trained on or measured with: Pillow's bicubic; middles."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Samples = TypeVar("Samples", np.uint8, np.float32)


def bicubic(
    picture: NDArray[Samples], size: tuple[int, int], box: tuple[float, float, float, float] | None = None
) -> NDArray[Samples]:
    """(H, W, 3) of bytes or (H, W) at ``size`` (h, w), by Pillow's bicubic, with a wider kernel to reduce.

    ``box``: the part to enlarge, left, top, right, bottom, in pixels and fractions of them.
    """
    image = Image.fromarray(picture)
    return np.asarray(image.resize((size[1], size[0]), Image.Resampling.BICUBIC, box))


def middle(whole: tuple[int, ...], size: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of the middle ``size`` (h, w) pixels of a picture of ``whole`` (H, W) pixels.

    An odd pixel that is left over lies after them.
    """
    top, left = ((n - part) // 2 for n, part in zip(whole, size, strict=True))
    return slice(top, top + size[0]), slice(left, left + size[1])
