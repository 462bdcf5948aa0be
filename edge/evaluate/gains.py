"""What a bigger network gains over a smaller one, LR pixel by LR pixel: what a router learns to predict."""

import numpy as np
from numpy.typing import NDArray

from edge.images.pixels import to_float, to_uint8
from edge.run.artifact import Artifact
from edge.run.upscale import upscale
from models.arrays import Float


def gain_map(smaller: Artifact, bigger: Artifact, lr: NDArray[np.uint8], hr: NDArray[np.uint8]) -> Float:
    """(h, w), in 8-bit steps²: the mean squared error of ``smaller`` over the output pixels and channels of
    each pixel of ``lr`` (h, w, 3), less that of ``bigger``; both artifacts are of one scale s.

    The truth is ``hr`` (s·h, s·w, 3). Negative where the smaller network is nearer to it.
    """
    planes = to_float(lr.transpose(2, 0, 1))
    before, after = (
        _error_map(upscale(artifact, planes), hr, lr.shape[:2]) for artifact in (smaller, bigger)
    )
    return before - after


def _error_map(sr: Float, hr: NDArray[np.uint8], lr_size: tuple[int, ...]) -> Float:
    """Mean squared error of ``sr`` (3, s·h, s·w), rounded to bytes, over each pixel of ``lr_size`` (h, w)."""
    difference = to_uint8(sr).transpose(1, 2, 0).astype(np.float32) - hr
    height, width = lr_size
    blocks = (difference**2).reshape(height, hr.shape[0] // height, width, hr.shape[1] // width, 3)
    means: Float = blocks.mean(axis=(1, 3, 4))
    return means
