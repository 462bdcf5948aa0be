"""Calibration tiles: of the built-in pictures, and of a user's folder on top."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from edge.errors import BadInput
from edge.images.extremes import calibration_extremes, calibration_patterns
from edge.images.pictures import built_in_pictures, folder_pictures, picture_files
from models import LIIF
from models.arrays import Float
from models.liif.edsr import normalized
from models.liif.equalization import Factors, factors_of, holds, measure_reach, widest
from quantize.calibration import cut_tiles, mean_log_range, select_tiles, tiles_by_picture

CALIBRATION_TILE = 48  # pixels; larger tiles found no other ranges

TILES_PER_PICTURE = 4

# Of the built-in ones every third tells how far channels reach, beside the extremes.
EQUALIZING_TILES = 3

# Every third sample shapes palettes: of tiles, 27,000 positions for the 576 inputs of a layer, and 30,000 of
# the extremes.
PALETTE_SAMPLES = 3

# Of a folder: tiles that are tried, and those of them that are kept, where the encoder's activations have
# farthest. Random tiles lose more: some lack saturated colours (docs/design/int8.md).
CANDIDATES = 256

KEPT = 24


def calibration_tiles(folder: Path | None, model: LIIF | None = None) -> Sequence[Float]:
    """Tiles (1, 3, 48, 48) from the built-in pictures, and after them from ``folder``, if there is one.

    Of a folder ``model`` chooses: of up to ``CANDIDATES`` tiles from pictures all over it, the ``KEPT`` that
    reach farthest; without a model, all of them. They come on top, so that no folder, of one picture, of
    black ones, takes away what ranges need. Raises BadInput for a folder without pictures that are large
    enough.
    """
    built_in = cut_tiles(built_in_pictures(), CALIBRATION_TILE, TILES_PER_PICTURE)
    return [*built_in, *folder_tiles(folder, model)]


def folder_tiles(folder: Path | None, model: LIIF | None) -> Sequence[Float]:
    """Those of ``calibration_tiles`` that are from ``folder``."""
    if folder is None:
        return []
    each = max(TILES_PER_PICTURE, CANDIDATES // len(picture_files(folder)))
    pictures = folder_pictures(folder, CANDIDATES // TILES_PER_PICTURE)
    candidates = tiles_by_picture(pictures, CALIBRATION_TILE, each)
    try:
        if model is None:
            return [tile for tiles in candidates for tile in tiles]
        encoder = model.encoder
        return select_tiles(
            candidates,
            KEPT,
            TILES_PER_PICTURE,
            lambda tile: mean_log_range(encoder, normalized(torch.from_numpy(tile))),
        )
    except ValueError as error:
        raise BadInput(f"{folder}: {error}") from error


class Equalization(NamedTuple):
    """What equalizes a network's channels for int8, and the tiles of ``patterns`` that ranges have to serve,
    too: none for a network whose trunk does not hold them."""

    factors: Factors
    patterns: Sequence[Float]


def equalization(model: LIIF) -> Equalization:
    """That of ``model``, on built-in pictures, so that it follows from the network alone.

    In a network that was not trained to hold them, patterns reach so far that ranges which serve them cost
    photographs several times as much (docs/design/int8.md).
    """
    reach = measure_reach(model, [*calibration_tiles(None)[::EQUALIZING_TILES], *calibration_extremes()])
    patterns = calibration_patterns()
    farthest = measure_reach(model, patterns)
    if not holds(reach, farthest):
        return Equalization(factors_of(reach), ())
    return Equalization(factors_of(widest(reach, farthest)), patterns)


def shaping_samples(practice: Sequence[Float], extremes: Sequence[Float]) -> list[Float]:
    """Some of ``practice``, and all ``extremes``: weights that are rounded for pictures alone put their
    errors where only saturated colours show them."""
    return [*practice[::PALETTE_SAMPLES], *extremes]
