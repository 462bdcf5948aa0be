"""Training samples: patches of photographs and drawn sheets, reduced by a random scale, with queries.

Sample ``i`` of a seed is the same whenever, wherever and in whatever order it is asked for: training
resumes where it stopped, and every process of many takes its own share without talking to the others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from models.drawings import draw_colours, draw_sheet
from models.errors import DataError
from models.liif.coordinates import axis_neighbours
from models.pictures import read_picture
from models.resize import bicubic
from models.screens.sheets import ScreenSheets, ScreenSpec
from models.training.degradations import Degradation, Picture, degrade

# Drawn sheets, each made when first asked for. Their seeds are apart from those that calibrate int8.
N_SHEETS = 256
FIRST_SHEET = 1000
SHEET_SIZE = (256, 320)

CLEAN = Degradation()


class Queries(NamedTuple):
    """Output pixels of a patch and the k neighbours that each blends (k = 1: one, drawn by its weight).

    ``rows`` (k, Q) int64 into the flattened LR patch; ``coordinates`` (k, Q, 4) as the decoder takes
    them; ``weight`` (k, Q), summing to 1 over k.
    """

    rows: Tensor
    coordinates: Tensor
    weight: Tensor


class Sample(NamedTuple):
    """``lr`` (3, p, p) and ``colours`` (Q, 3) in [0, 1]; where the colours lie: for the student, and
    with the full local ensemble for a teacher."""

    lr: Tensor
    colours: Tensor
    queries: Queries
    teacher_queries: Queries


@dataclass(frozen=True)
class PatchSpec:
    """What a sample is. Raises DataError for values that make no sample.

    ``patch``: side in LR pixels. Scales are uniform from ``min_scale`` to ``max_scale``; ``share_of_two``:
    share of samples that are exactly ×2 instead. ``drawn_share``: share of samples that are drawn, as text
    and icons or as user interfaces; ``colour_share``: share of the others that are pure colours instead of
    photographs.

    Queries are random pixels of the HR patch, as many as the LR patch has pixels, or with ``every_pixel`` all
    of them in order, which needs one scale for all samples. ``one_member``: each query is answered at one
    neighbour, drawn with its blending weight. A step is then four times cheaper, and the expected colour is
    the same.
    """

    patch: int = 24
    min_scale: float = 1.0
    max_scale: float = 4.0
    share_of_two: float = 0.35
    drawn_share: float = 0.12
    colour_share: float = 0.0
    one_member: bool = True
    every_pixel: bool = False

    def __post_init__(self) -> None:
        if not 4 <= self.patch <= 256:
            raise DataError(f"expected patches of 4 to 256 LR pixels, found {self.patch}")
        low, high = self.min_scale, self.max_scale
        if not 1 <= low <= high <= 8:
            raise DataError(f"expected scales within 1 to 8, found {low:g} to {high:g}")
        if self.share_of_two and not low <= 2 <= high:
            raise DataError(f"expected share_of_two of 0 without ×2 in {low:g} to {high:g}")
        if self.every_pixel and low != high:
            raise DataError(f"expected one scale with every_pixel, found {low:g} to {high:g}")
        for name in ("share_of_two", "drawn_share", "colour_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise DataError(f"expected {name} from 0 to 1, found {getattr(self, name):g}")


class PatchDataset(Dataset[Sample]):
    """An endless row of samples of ``pictures``, by number; ``models.picture_files`` finds the pictures.

    ``local_ensemble``: whether the student has it; without it every query is answered at the nearest pixel.
    ``degradation``: what happens to the LR patches of a share of the samples. ``screen``: how drawn samples
    look; None draws sheets of text and icons in Pillow's font.

    Raises DataError for a picture that cannot be read, or is too small for the sample drawn from it, and
    for a ``screen`` without fonts.
    """

    def __init__(
        self,
        pictures: Sequence[Path],
        spec: PatchSpec,
        seed: int,
        local_ensemble: bool,
        degradation: Degradation = CLEAN,
        screen: ScreenSpec | None = None,
    ) -> None:
        self.pictures, self.spec, self.seed = tuple(pictures), spec, seed
        self.local_ensemble, self.degradation = local_ensemble, degradation
        if not pictures and spec.drawn_share < 1:
            raise DataError("expected pictures to train on, or a drawn_share of 1, found neither")
        self.screens = None if screen is None else ScreenSheets(screen, seed)

    def __getitem__(self, number: int) -> Sample:
        spec, rng = self.spec, np.random.default_rng((self.seed, number))
        two = rng.random() < spec.share_of_two
        scale = 2.0 if two else rng.uniform(spec.min_scale, spec.max_scale)
        lr, hr = self.draw_pair(rng, scale, number)
        side, patch = hr.shape[0], spec.patch
        n_pixels = side * side
        pixels = (
            np.arange(n_pixels) if spec.every_pixel else rng.choice(n_pixels, patch * patch, replace=False)
        )
        rows, columns = np.divmod(pixels, side)
        full = find_queries(patch, side, rows, columns, local_ensemble=True)
        queries = full if self.local_ensemble else find_queries(patch, side, rows, columns, False)
        if spec.one_member and self.local_ensemble:
            queries = draw_member(queries, rng)
        return Sample(_tensor(lr), torch.from_numpy(hr[rows, columns] / np.float32(255)), queries, full)

    def draw_pair(self, rng: np.random.Generator, scale: float, number: int = 0) -> tuple[Picture, Picture]:
        """An LR patch (p, p, 3) and its HR original, ``round(p * scale)`` a side, turned at random.

        The HR patch is reduced by Pillow's bicubic, as in the published training code, or degraded. Of the
        pure colours at ×2, half are reduced by the mean of four pixels, which keeps checks and stripes pure.
        Screens are not turned, since text stands upright; ``models.screens.sheets`` reduces them or draws
        them small. ``number``: the sample's, which decides what screens there are.
        """
        patch, side = self.spec.patch, round(self.spec.patch * scale)
        lr = None
        if rng.random() >= self.spec.drawn_share:
            pure = self.spec.colour_share > 0 and rng.random() < self.spec.colour_share
            hr = _cut(self._picture(rng, pure), side, rng)
            if pure and side == 2 * patch and rng.random() < 0.5:
                lr = hr.reshape(patch, 2, patch, 2, 3).mean((1, 3)).round().astype(np.uint8)
        elif self.screens is None:
            hr = _cut(_sheet(FIRST_SHEET + int(rng.integers(N_SHEETS))), side, rng)
        else:
            lr, hr = self.screens.draw_pair(rng, patch, side, number)
        if self.degradation.share and rng.random() < self.degradation.share:
            return degrade(hr, (patch, patch), self.degradation, rng), hr
        return (bicubic(hr, (patch, patch)) if lr is None else lr), hr

    def _picture(self, rng: np.random.Generator, pure: bool) -> Picture:
        """A photograph, or ``pure`` colours."""
        if pure:
            return _colours(FIRST_SHEET + int(rng.integers(N_SHEETS)))
        return read_picture(self.pictures[rng.integers(len(self.pictures))])


def _cut(picture: Picture, side: int, rng: np.random.Generator) -> Picture:
    """A square of ``picture`` from anywhere, turned and mirrored at random."""
    height, width = picture.shape[:2]
    if min(height, width) < side:
        raise DataError(f"expected pictures of at least {side} pixels a side, found {width}x{height}")
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    hr = picture[top : top + side, left : left + side]
    if rng.random() < 0.5:
        hr = hr[::-1]
    if rng.random() < 0.5:
        hr = hr[:, ::-1]
    if rng.random() < 0.5:
        hr = hr.transpose(1, 0, 2)
    return np.ascontiguousarray(hr)


def find_queries(
    patch: int, side: int, rows: NDArray[np.int64], columns: NDArray[np.int64], local_ensemble: bool
) -> Queries:
    """The neighbours of output pixels ``(rows, columns)``, (Q,) each, of a patch enlarged to ``side``."""
    axis = axis_neighbours(patch, side, local_ensemble)
    members = range(len(axis.index))
    cell = np.full(len(rows), 2 * patch / side, np.float32)
    index, coordinates, weight = [], [], []
    for a in members:
        for b in members:
            index.append(axis.index[a, rows] * patch + axis.index[b, columns])
            relative = (axis.relative[a, rows], axis.relative[b, columns])
            coordinates.append(np.stack([*relative, cell, cell], axis=1))
            weight.append(axis.weight[a, rows] * axis.weight[b, columns])
    return Queries(*(torch.from_numpy(np.stack(part)) for part in (index, coordinates, weight)))


def draw_member(queries: Queries, rng: np.random.Generator) -> Queries:
    """One neighbour per query, drawn with its weight: k becomes 1."""
    bounds = queries.weight.numpy().cumsum(axis=0)
    drawn = rng.random(bounds.shape[1], np.float32) * bounds[-1]
    member = torch.from_numpy((drawn[None] >= bounds[:-1]).sum(axis=0))
    every = torch.arange(len(member))
    index, coordinates = queries.rows[member, every], queries.coordinates[member, every]
    return Queries(index[None], coordinates[None], torch.ones(1, len(member)))


@lru_cache(N_SHEETS)
def _sheet(seed: int) -> Picture:
    return draw_sheet(*SHEET_SIZE, seed)


@lru_cache(N_SHEETS)
def _colours(seed: int) -> Picture:
    return draw_colours(*SHEET_SIZE, seed)


def _tensor(picture: Picture) -> Tensor:
    """(h, w, 3) to (3, h, w) in [0, 1]."""
    return torch.from_numpy(picture.transpose(2, 0, 1) / np.float32(255))
