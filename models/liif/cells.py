"""The cells of a picture that a router decides on, and the windows that it sees, without PyTorch."""

import numpy as np

from models.arrays import Float


def cell_edges(length: int, cell: int) -> tuple[int, ...]:
    """Where ``length`` LR pixels are divided into as few near-equal parts of at most ``cell`` as there can
    be: number i of k begins at ``i · length // k``."""
    count = -(-length // cell)
    return tuple(number * length // count for number in range(count + 1))


def fit_window(window: Float, side: int) -> tuple[Float, Float]:
    """``window`` (1, 3, h, w), of at most ``side`` pixels a side, for a router that takes one size: in the
    upper left corner of zeros, (1, 3, side, side); and which pixels are its own, (1, 1, side, side), 1 for
    these and 0 for the rest."""
    _, _, height, width = window.shape
    lr, inside = np.zeros((1, 3, side, side), np.float32), np.zeros((1, 1, side, side), np.float32)
    lr[:, :, :height, :width] = window
    inside[:, :, :height, :width] = 1
    return lr, inside
