"""Calibration inputs: tiles cut from pictures, so that observers see what practice will bring."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]


def cut_tiles(pictures: Iterable[Float], size: int, per_picture: int, seed: int = 0) -> Sequence[Float]:
    """``per_picture`` tiles (1, 3, size, size) from each picture (3, H, W), at seeded random places.

    Smaller pictures are left out. Raises ValueError if no picture has room for a tile.
    """
    rng = np.random.default_rng(seed)
    tiles = []
    smallest = None
    for picture in pictures:
        _, height, width = picture.shape
        if min(height, width) < size:
            smallest = min(height, width) if smallest is None else min(smallest, height, width)
            continue
        for _ in range(per_picture):
            top, left = rng.integers(height - size + 1), rng.integers(width - size + 1)
            tiles.append(np.ascontiguousarray(picture[None, :, top : top + size, left : left + size]))
    if not tiles:
        found = "no pictures" if smallest is None else f"sides down to {smallest}"
        raise ValueError(f"expected pictures of at least {size}x{size} pixels to calibrate on, found {found}")
    return tiles
