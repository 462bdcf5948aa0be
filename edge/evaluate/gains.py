"""What a bigger network gains over a smaller one, LR pixel by LR pixel: what a router learns to predict."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.images.pixels import bytes_of, planes_of
from edge.run.artifact import Artifact
from edge.run.upscale import upscale
from edge.work import Work
from models.arrays import Float
from models.errors import DataError
from models.pictures import read_picture
from models.resize import bicubic
from models.training.router import GainSample

PATCH = 128  # LR pixels a side: a tile, or sixteen cells


def gain_samples(
    smaller: Artifact, bigger: Artifact, pictures: Sequence[Path], count: int, seed: int = 0
) -> Work[GainSample]:
    """``count`` patches of ``pictures``, turn by turn, each from a place of its own, reduced by bicubic, with
    what ``bigger`` gains there. Raises DataError from the work for a picture that is too small."""

    def made() -> Iterator[GainSample]:
        order = np.random.default_rng(seed).permutation(len(pictures))
        for number in range(count):
            path = pictures[order[number % len(pictures)]]
            yield _sample(smaller, bigger, path, np.random.default_rng((seed, number)))

    return Work(count, made())


def _sample(smaller: Artifact, bigger: Artifact, path: Path, rng: np.random.Generator) -> GainSample:
    picture = read_picture(path)
    side = 2 * PATCH
    if min(picture.shape[:2]) < side:
        raise DataError(
            f"{path}: expected at least {side} pixels a side, found {picture.shape[1]}x{picture.shape[0]}"
        )
    top, left = (int(rng.integers(length - side + 1)) for length in picture.shape[:2])
    hr = np.ascontiguousarray(picture[top : top + side, left : left + side])
    lr = bicubic(hr, (PATCH, PATCH))
    return GainSample(lr, gain_map(smaller, bigger, lr, hr))


def gain_map(smaller: Artifact, bigger: Artifact, lr: NDArray[np.uint8], hr: NDArray[np.uint8]) -> Float:
    """(h, w), in 8-bit steps²: the mean squared error of ``smaller`` over the output pixels and channels of
    each pixel of ``lr`` (h, w, 3), less that of ``bigger``; both artifacts are of one scale s.

    The truth is ``hr`` (s·h, s·w, 3). Negative where the smaller network is nearer to it.
    """
    planes = planes_of(lr)
    before, after = (
        _error_map(upscale(artifact, planes), hr, lr.shape[:2]) for artifact in (smaller, bigger)
    )
    return before - after


def _error_map(sr: Float, hr: NDArray[np.uint8], lr_size: tuple[int, ...]) -> Float:
    """Mean squared error of ``sr`` (3, s·h, s·w), rounded to bytes, over each pixel of ``lr_size`` (h, w)."""
    difference = bytes_of(sr).astype(np.float32) - hr
    height, width = lr_size
    blocks = (difference**2).reshape(height, hr.shape[0] // height, width, hr.shape[1] // width, 3)
    means: Float = blocks.mean(axis=(1, 3, 4))
    return means
