"""Transparency beside an enlargement: colours to put under clear pixels, and an alpha without ringing.

What is seen of a pixel is its colour times its alpha, so a colour under alpha 0 is whatever the program that
wrote the file left there, often black. The network reads colours without their alpha and would draw that
black into the visible border. Enlarging colours already multiplied by alpha would not help: a network is not
linear, and dividing by a small alpha afterwards magnifies its errors.
"""

import numpy as np
from numpy.typing import NDArray

from models.arrays import Float

Indices = NDArray[np.int64]

# LR px. The published network reaches 36 (docs/format/tiling.md); what lies farther from every visible pixel
# changes none of them.
FILL_REACH = 36

# An int8 program is up to 5 of 255 off beside a hard edge. There, where alpha goes through at least half of
# its range within three pixels, what is as near to one end of it is meant to be that end.
EDGE, NOISE = np.float32(0.5), np.float32(6 / 255)


def fill_clear(rgb: Float, alpha: Float, reach: int = FILL_REACH) -> Float:
    """``rgb`` (3, h, w) with other colours where ``alpha`` (h, w) is 0, up to ``reach`` pixels from the rest.

    Ring by ring: a clear pixel takes the mean of those of its eight neighbours that are visible or filled
    before. A picture without any visible pixel stays as it is.
    """
    height, width = alpha.shape
    known = np.pad(alpha > 0, 1).ravel()
    if known.sum() in (0, alpha.size):
        return rgb
    inside = np.pad(np.ones(alpha.shape, bool), 1).ravel()
    colours = np.pad(np.where(alpha > 0, rgb, 0), ((0, 0), (1, 1), (1, 1))).reshape(3, -1)
    row = width + 2
    steps = np.array([-row - 1, -row, -row + 1, -1, 1, row - 1, row, row + 1])
    ring = _unknown_beside(np.flatnonzero(known), steps, inside & ~known)
    for _ in range(reach):
        around = ring[:, None] + steps
        # Added one after the other, in this order: C++ does the same, to the bit.
        total = np.zeros((3, len(ring)), np.float32)
        for column in around.T:
            total += colours[:, column]
        colours[:, ring] = total / known[around].sum(axis=1, dtype=np.float32)
        known[ring] = True
        ring = _unknown_beside(ring, steps, inside & ~known)
        if not len(ring):
            break
    middle = np.s_[1:-1, 1:-1]
    filled = colours.reshape(3, height + 2, row)[:, *middle]
    return np.where(known.reshape(height + 2, row)[middle], filled, rgb)


def _unknown_beside(pixels: np.ndarray, steps: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    beside = np.zeros_like(unknown)
    for step in steps:
        beside[pixels + step] = True
    return np.flatnonzero(beside & unknown)


def alpha_range(alpha: Float, rows: Indices, columns: Indices) -> tuple[Float, Float]:
    """The least and the greatest that an enlarged ``alpha`` (h, w) may be at output pixels whose centres lie
    in its ``rows`` (H',) and ``columns`` (W',): of the pixel there and its eight neighbours.

    Within it, what is clear or opaque stays so, exactly, and a hard edge gets no halo.
    """
    near = [
        alpha.take(rows + dy, axis=0, mode="clip").take(columns + dx, axis=1, mode="clip")
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
    ]
    low: Float = np.minimum.reduce(near)
    high: Float = np.maximum.reduce(near)
    return low, high


def limit_alpha(alpha: Float, span: tuple[Float, Float]) -> Float:
    """``alpha`` (H, W) of the network within ``span``, from ``alpha_range``; clean beside hard edges."""
    low, high = span
    hard = high - low >= EDGE
    limited: Float = alpha.clip(low, high)
    limited = np.where(hard & (limited - low < NOISE), low, limited)
    return np.where(hard & (high - limited < NOISE), high, limited)
