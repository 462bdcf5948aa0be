"""Pure colours: what photographs hardly have, and icons and logos consist of.

Tiles of one colour belong to what calibrates int8, whatever folder a user gives. A page of many, side by
side, measures every artifact.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from edge.image_file import to_float

Float = NDArray[np.float32]

# Black, the middle and white of a channel: 27 colours, the corners of the RGB cube among them.
LEVELS = (0, 128, 255)
COLOURS = tuple(itertools.product(LEVELS, repeat=3))

TILE = 32  # pixels of a tile that calibrates
PATCH = 16  # pixels of a patch that is measured: at ×2 a 16x16 block with 4 pixels around it


def calibration_extremes() -> list[Float]:
    """Tiles (1, 3, 32, 32) in [0, 1], each of one of ``COLOURS``."""
    return [_planes(np.full((TILE, TILE, 3), colour, np.uint8))[None] for colour in COLOURS]


def colour_page(side: int) -> Float:
    """(3, n, n) in [0, 1] of patches of one colour, n the next multiple of 16: each of ``COLOURS`` is there
    where ``side`` leaves room for it (6 by 6 patches), with neighbours at random."""
    rng, count = np.random.default_rng(0), -(-side // PATCH)
    order: list[int] = []
    while len(order) < count**2:
        order += rng.permutation(len(COLOURS)).tolist()
    patches = np.array(COLOURS, np.uint8)[order[: count**2]].reshape(count, count, 3)
    return _planes(patches.repeat(PATCH, axis=0).repeat(PATCH, axis=1))


def _planes(picture: NDArray[np.uint8]) -> Float:
    return to_float(np.ascontiguousarray(picture.transpose(2, 0, 1)))
