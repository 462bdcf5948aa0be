"""Where an output pixel lies on the low-resolution grid, in integers.

LIIF (arXiv 2012.09161, section 3) spans every picture by [-1, 1], pixel centres at
``-1 + (2j + 1) / n``. On ``n_in`` low-resolution pixels the centre of output pixel ``j`` of
``n_out`` is at ``p = ((2j + 1) * n_in - n_out) / (2 * n_out)`` pixels: a ratio of integers, so that
every language finds the same neighbours. The relative coordinate that the decoder sees is in
units of half a low-resolution pixel: ``2 * (p - i)`` for neighbour ``i``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class AxisNeighbours:
    """For every output pixel along one axis, the low-resolution pixels whose predictions it blends.

    All arrays are ``(k, n_out)``; k is 2 with local ensemble, else 1.
    ``index``: int64, of a pixel that there is; ``relative``: float32, half pixels; ``weight``: float32,
    sums to 1.
    """

    index: NDArray[np.int64]
    relative: NDArray[np.float32]
    weight: NDArray[np.float32]


def axis_neighbours(
    n_in: int, n_out: int, local_ensemble: bool = True, pixels: tuple[int, int] | None = None
) -> AxisNeighbours:
    """Neighbours of every output pixel on an axis of ``n_in`` pixels resized to ``n_out``.

    ``pixels``: the first index that there is, and the one after the last; beyond [0, n_in) where the
    picture is extended (docs/format/tiling.md).

    Section 3.3: the two nearest pixels, each weighed by the distance to the other one; at the
    border, where the outer one is missing, the inner one takes both weights.
    Without local ensemble: the nearest pixel, ties to the even index.
    """
    numerator = (2 * np.arange(n_out, dtype=np.int64) + 1) * n_in - n_out
    denominator = 2 * n_out
    left, remainder = np.divmod(numerator, denominator)
    if local_ensemble:
        index = np.stack([left, left + 1])
        right_weight = remainder / denominator
        weight = np.stack([1.0 - right_weight, right_weight])
    else:
        tie = 2 * remainder == denominator
        up = np.where(tie, left % 2 == 1, 2 * remainder > denominator)
        index = (left + up)[None]
        weight = np.ones((1, n_out))
    first, end = pixels or (0, n_in)
    index = np.clip(index, first, end - 1)
    relative = 2.0 * (numerator - index * denominator) / denominator
    return AxisNeighbours(index, relative.astype(np.float32), weight.astype(np.float32))


def well_posed(n_in: int, n_out: int) -> NDArray[np.bool_]:
    """Output pixels of an axis, (n_out,), where the published blend is defined.

    Where an output pixel's centre is exactly that of the last LR pixel (×3: the last row but one), both
    neighbours are that pixel, at distance zero: all blending areas vanish, and upstream's weights are
    float rounding noise divided by itself (docs/design/forms.md).
    """
    defined: NDArray[np.bool_] = ~np.all(axis_neighbours(n_in, n_out).relative == 0, axis=0)
    return defined
