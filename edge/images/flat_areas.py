"""Areas of one colour keep it: networks, int8 programs above all, miss it by up to three of 255."""

import numpy as np
from numpy.typing import NDArray

from models.arrays import Float

Indices = NDArray[np.int64]
Counts = NDArray[np.int32]

# LR px: beyond it a network hardly sees (docs/format/tiling.md, How large a halo).
FLAT_REACH = 8

# What is left of the network's difference where 0, 1, ... of the windows of 5, 6, 7 and 8 pixels around are
# flat. One step from the network's colour to the flat one would show as a contour. Powers of two are exact,
# so that C++ makes the same bits.
_SHARES = np.array([1, 1 / 2, 1 / 4, 1 / 8, 0], np.float32)

# Half a step of 16 bits: the means that fill_clear makes of equal colours are a rounding apart.
_EQUAL = np.float32(2**-17)


def keep_flat(made: Float, rgb: Float, rows: Indices, columns: Indices) -> Float:
    """``made`` (3, H, W) of the network with the colours of ``rgb`` (3, h, w) in flat areas.

    ``rows`` (H,) and ``columns`` (W,): the pixels of ``rgb`` in which the centres of ``made`` lie, rising.
    ``rgb`` must reach FLAT_REACH pixels beyond them or to the picture's border. A pixel all of whose
    neighbours up to FLAT_REACH have its colour gets it exactly.
    """
    if _surely_uneven(rgb):
        return made
    ys, xs = (np.arange(at[0], at[-1] + 1) for at in (rows, columns))
    beside = _sums(abs(np.diff(rgb, axis=2, prepend=rgb[:, :, :1])))
    above = _sums(abs(np.diff(rgb, axis=1, prepend=rgb[:, :1])))
    n_flat = np.zeros((len(ys), len(xs)), np.int8)
    for reach in range(FLAT_REACH - len(_SHARES) + 2, FLAT_REACH + 1):
        (top, bottom), (left, right) = (
            ((at - reach).clip(0), (at + reach + 1).clip(None, n))
            for at, n in ((ys, rgb.shape[1]), (xs, rgb.shape[2]))
        )
        # No step within any row, nor within the column through the middle. A step lies between a pixel and
        # the one before it, which must be within the window, too.
        steps = _inside(beside, top, bottom, left + 1, right) + _inside(above, top + 1, bottom, xs, xs + 1)
        if steps.all():
            break
        n_flat += steps == 0
    if not n_flat.any():
        return made
    colours = rgb.take(rows, axis=1).take(columns, axis=2)
    if (n_flat == len(_SHARES) - 1).all():
        return colours
    share = _SHARES[n_flat].take(rows - rows[0], axis=0).take(columns - columns[0], axis=1)
    kept = made - colours
    kept *= share
    kept += colours
    np.copyto(kept, made, where=share == 1)
    return kept


def _surely_uneven(rgb: Float) -> bool:
    """Whether a few pixels show that no window is flat: the smallest, cut by a border, has six a side, so two
    neighbours of every third. It spares photographs the rest."""
    few = rgb[:, ::3, ::3]
    return few.shape[2] > 1 and bool((abs(np.diff(few, axis=2)) > 3 * _EQUAL).any(axis=0).all())


def _sums(differences: Float) -> Counts:
    """(h + 1, w + 1): how many unequal pixels of (3, h, w) lie above and left of each corner."""
    unequal = (differences > _EQUAL).any(axis=0)
    sums = np.zeros((unequal.shape[0] + 1, unequal.shape[1] + 1), np.int32)
    unequal.cumsum(axis=0, out=sums[1:, 1:], dtype=np.int32).cumsum(axis=1, out=sums[1:, 1:])
    return sums


def _inside(sums: Counts, top: Indices, bottom: Indices, left: Indices, right: Indices) -> Counts:
    rows = sums[bottom] - sums[top]
    inside: Counts = rows[:, right] - rows[:, left]
    return inside
