"""Measures a candidate: PSNR drop against the unpruned fp32 network, and time relative to its program."""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge.backends.table import BACKENDS
from edge.check.comparison import compare, worst_of
from edge.errors import BadInput
from edge.evaluate.test_sets import Pair
from edge.images.extremes import EXTREME_SIDE, colour_page
from edge.images.image_file import read_image
from edge.images.metrics import psnr_y
from edge.images.pictures import photograph, resize_bicubic, shrink
from edge.images.pixels import planes_of
from edge.recipe import DEFAULT_TILE
from edge.run.artifact import Artifact
from edge.run.upscale import upscale
from models import LIIF
from models.arrays import Float
from models.drawings import draw_sheet
from models.liif.reference import fp32_picture
from models.resize import middle

# Built-in pictures that losses are measured on: none calibrates int8, none says which channels matter.
HELD_OUT_PHOTOGRAPHS = ("astronaut", "camera", "brick", "hubble_deep_field")
SHEETS = (500, 501)  # seeds of drawn ones

# What is cut out of a picture's middle, LR pixels: at most a tile of a .pte, at least one of a package.
LARGEST_SIDE, SMALLEST_SIDE = 128, 64

TURNS = 7  # runs of each program of which medians are taken


@dataclass(frozen=True)
class Time:
    """A program's time as a share of the reference's, and the reference's own, milliseconds per output
    megapixel: medians of runs in turns."""

    share: float
    reference_ms: float


@dataclass(frozen=True)
class Worst:
    """Of an artifact against the unpruned network in fp32. ``loss``: the largest of one ``picture``, dB of
    PSNR-Y; ``block``, ``flat``: on a page of pure colours, as ``edge.check.comparison`` has them."""

    picture: str
    loss: float
    block: float
    flat: float


@dataclass(frozen=True)
class Measurement:
    """Of an artifact. ``psnr_y``: dB, mean over the pictures; ``loss``: dB below the unpruned network in
    fp32; ``bytes``: of its programs; ``macs``: per output pixel; ``time``: None where programs are
    interpreted."""

    psnr_y: float
    loss: float
    bytes: int
    macs: int
    time: Time | None
    worst: Worst


def tile_of(target: str) -> int:
    """LR pixels of the tile that candidates have: packages are built for one size, and interpreted."""
    return SMALLEST_SIDE if BACKENDS[target].one_size else DEFAULT_TILE


def time_beside(reference: Artifact, artifact: Artifact) -> Time:
    """``artifact`` and ``reference`` in turns, so that what else the machine does meets both alike."""
    turns = [(_seconds(artifact), _seconds(reference)) for _ in range(TURNS + 1)][1:]  # one warms up
    height, width = reference.output_size((reference.card.tile.default,) * 2, None)
    return Time(
        statistics.median(seconds / reference_seconds for seconds, reference_seconds in turns),
        1000 * statistics.median(seconds for _, seconds in turns) / (height * width / 1e6),
    )


class Evaluator:
    """Measures against ``model`` in fp32 on ``pairs``, and time beside ``reference`` if there is one."""

    def __init__(self, model: LIIF, pairs: Sequence[Pair], reference: Artifact | None) -> None:
        self.pairs, self.reference = pairs, reference
        self._scores = self._score(lambda lr, size: fp32_picture(model, lr, size))
        self.psnr_y = statistics.fmean(self._scores)
        self._page = colour_page(EXTREME_SIDE)
        side = self.pairs[0].hr.shape[1] // self.pairs[0].lr.shape[1] * EXTREME_SIDE
        self._coloured = fp32_picture(model, self._page, (side, side))

    def loss_in_fp32(self, network: LIIF) -> float:
        """Of ``network`` in PyTorch, dB: what its artifacts start from."""
        return self.psnr_y - statistics.fmean(self._score(lambda lr, size: fp32_picture(network, lr, size)))

    def measure(self, artifact: Artifact) -> Measurement:
        """Everything there is to know of ``artifact``."""
        scores = self._score(lambda lr, size: upscale(artifact, lr, size))
        found = statistics.fmean(scores)
        card = artifact.card
        return Measurement(
            found,
            self.psnr_y - found,
            sum(program.bytes for program in card.programs.values()),
            card.macs_per_output_pixel,
            None if self.reference is None else time_beside(self.reference, artifact),
            self._worst(artifact, scores),
        )

    def _worst(self, artifact: Artifact, scores: Sequence[float]) -> Worst:
        """``scores``: PSNR-Y of each picture, dB."""
        losses = [whole - found for whole, found in zip(self._scores, scores, strict=True)]
        pair, largest = worst_of(zip(self.pairs, losses, strict=True), lambda one: one[1])
        coloured = upscale(artifact, self._page, None, halo=artifact.card.tile.full_halo)
        page = compare("pure colours", coloured, self._coloured, self._page)
        return Worst(pair.name, largest, page.worst_block, page.worst_flat)

    def _score(self, upscaler: Callable[[Float, tuple[int, int]], Float]) -> list[float]:
        """PSNR-Y in dB of what ``upscaler`` makes of each LR picture and a size (H, W)."""
        scores = []
        for pair in self.pairs:
            size = (pair.hr.shape[1], pair.hr.shape[2])
            scores.append(psnr_y(upscaler(pair.lr, size), pair.hr, size[0] // pair.lr.shape[1]))
        return scores


def measured_pairs(pictures: Sequence[Path] | None, scale: int) -> list[Pair]:
    """The middles of ``pictures`` (None: of the built-in ones) with their reductions by Pillow's bicubic.

    Raises BadInput for a picture that is too small.
    """
    named = _built_in(scale) if pictures is None else ((path.name, read_image(path).rgb) for path in pictures)
    return [_middle_pair(name, hr, scale) for name, hr in named]


def _built_in(scale: int) -> Iterator[tuple[str, Float]]:
    for name in HELD_OUT_PHOTOGRAPHS:
        picture = np.atleast_3d(photograph(name))
        # As in ``built_in_pictures``, where that leaves enough of them.
        smaller = shrink(np.repeat(picture, 3 // picture.shape[2], axis=2), 2 if scale == 2 else 1)
        yield name, planes_of(smaller)
    for seed in SHEETS:
        side = LARGEST_SIDE * scale
        yield f"sheet {seed}", planes_of(draw_sheet(side, side, seed))


def _middle_pair(name: str, hr: Float, scale: int) -> Pair:
    h, w = (min(LARGEST_SIDE, side // scale) for side in hr.shape[1:])
    if min(h, w) < SMALLEST_SIDE:
        least = SMALLEST_SIDE * scale
        raise BadInput(f"{name}: expected at least {least} pixels a side, found {hr.shape[2]}x{hr.shape[1]}")
    cut = np.ascontiguousarray(hr[:, *middle(hr.shape[1:], (h * scale, w * scale))])
    return Pair(name, resize_bicubic(cut, (h, w)), cut)


def _seconds(artifact: Artifact) -> float:
    side = artifact.card.tile.default
    tile = np.random.default_rng(0).random((1, 3, side, side), dtype=np.float32)
    start = time.perf_counter()
    artifact.forward(tile)
    return time.perf_counter() - start
