"""Pure colours: what photographs hardly have, and icons and logos consist of.

Tiles of one colour, and of the finest strokes, belong to what calibrates int8, whatever folder a user gives.
A page of many, side by side, measures every artifact, and tiles of them are in every baseline. In their
finest patterns, as dithered pictures have them, an encoder reaches farthest: a page of them measures, and
tiles calibrate networks that were trained on such.
"""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from edge.images.pixels import planes_of
from models.arrays import Float
from models.drawings import draw_sheet

# Black, the middle and white of a channel: 27 colours, the corners of the RGB cube among them.
LEVELS = (0, 128, 255)
COLOURS = tuple(itertools.product(LEVELS, repeat=3))

CORNERS = tuple(itertools.product((0, 255), repeat=3))  # of the RGB cube

TILE = 32  # pixels of a tile that calibrates
PATTERN = 8  # of a patch of a pattern in it

# Tiles of edges between colours. Of none, edges were off by 0.23 on the page that is measured, of two by less
# than 0.2; every further one makes ranges wider and photographs worse (docs/design/int8.md).
N_JOINED = 2

# Of as many drawn sheets the tile with the finest strokes; those before the first calibrate as pictures. Of
# none, a letter's stroke on the drawn screen was off by 0.34 in int8, of eight by 0.19 (docs/design/int8.md).
FIRST_SHEET, N_STROKES = 5, 8
SHEET = (192, 256)

EXTREME_SIDE = 96  # LR pixels of the page that measures: 36 patches hold every one of the 27 colours
PATCH = 16  # pixels of a patch that is measured: at ×2 a 16x16 block with 4 pixels around it

# Of a patch in a tile: what a 16x16 block covers at ×2, and the margin around it that makes it flat
# (``edge/check/``). A picture's border needs no margin, so the first row and column are that much smaller.
TILE_PATCH, MARGIN = 12, 2


def calibration_extremes() -> list[Float]:
    """Tiles (1, 3, 32, 32) in [0, 1]: each of ``COLOURS`` by itself, two of many side by side, and strokes of
    text and icons."""
    flat = [np.full((TILE, TILE, 3), colour, np.uint8) for colour in COLOURS]
    rng = np.random.default_rng(7)
    joined = [_patches(rng.permutation(len(COLOURS))[:16], TILE // 4) for _ in range(N_JOINED)]
    sheets = (draw_sheet(*SHEET, seed) for seed in range(FIRST_SHEET, FIRST_SHEET + N_STROKES))
    return [planes_of(tile)[None] for tile in (*flat, *joined, *map(_finest_tile, sheets))]


def _finest_tile(sheet: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Of the tiles side by side in (H, W, 3), the one whose neighbouring pixels differ most."""
    rows, columns = (length // TILE for length in sheet.shape[:2])
    tiles = [
        np.ascontiguousarray(sheet[TILE * i : TILE * (i + 1), TILE * j : TILE * (j + 1)])
        for i, j in itertools.product(range(rows), range(columns))
    ]
    return max(tiles, key=lambda tile: sum(np.abs(np.diff(tile.astype(int), axis=k)).sum() for k in (0, 1)))


def calibration_patterns() -> list[Float]:
    """Tiles (1, 3, 32, 32) in [0, 1] of checks of single pixels in every two corners of the RGB cube."""
    checks, _, _ = _lines(PATTERN)
    patches = [(pair, checks) for pair in itertools.combinations(CORNERS, 2)]
    per_tile = (TILE // PATTERN) ** 2
    order = _shuffled(9, per_tile * -(-len(patches) // per_tile), len(patches))
    return [planes_of(_tiled([patches[n] for n in tile]))[None] for tile in order.reshape(-1, per_tile)]


def colour_page(side: int) -> Float:
    """(3, n, n) in [0, 1] of patches of one colour, n the next multiple of 16: each of ``COLOURS`` is there
    where ``side`` leaves room for it (6 by 6 patches), with neighbours at random."""
    count = -(-side // PATCH)
    return planes_of(_patches(_shuffled(0, count**2, len(COLOURS)), PATCH))


def pattern_page(side: int) -> Float:
    """(3, n, n) in [0, 1] of patches of two colours in turns, pixel by pixel, n the next multiple of 16:
    checks of every two corners of the RGB cube, and rows and columns of some, where ``side`` leaves room for
    them (6 by 6 patches), with neighbours at random."""
    count = -(-side // PATCH)
    checks, rows, columns = _lines(PATCH)
    pairs = list(itertools.combinations(CORNERS, 2))
    patches = [(pair, checks) for pair in pairs]
    patches += [(pair, lines) for pair in pairs[::7] for lines in (rows, columns)]
    return planes_of(_tiled([patches[n] for n in _shuffled(2, count**2, len(patches))]))


def _lines(side: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Checks, rows and columns of single pixels: which of two colours each of (side, side) has."""
    y, x = np.indices((side, side))
    return (y + x) % 2, y % 2, x % 2


def _tiled(patches: Sequence[tuple[tuple[tuple[int, ...], ...], NDArray[np.int64]]]) -> NDArray[np.uint8]:
    """n² patches, each two colours and which of them its pixels (p, p) have, n a side: (n · p, n · p, 3)."""
    count = round(len(patches) ** 0.5)
    page = np.array([np.array(colours, np.uint8)[lines] for colours, lines in patches])
    side = page.shape[1]
    grid = page.reshape(count, count, side, side, 3).swapaxes(1, 2)
    return grid.reshape(count * side, count * side, 3)


def colour_tiles(side: int) -> list[Float]:
    """Tiles (3, side, side) in [0, 1] of patches of one colour, as few as hold each of ``COLOURS``, with
    neighbours at random: three of 32; under 20, where a tile has room for one, one for each colour."""
    outer = TILE_PATCH - MARGIN  # of a row's first and last patch
    count = 1 if side < 2 * outer else 2 + (side - 2 * outer) // TILE_PATCH
    patch = np.minimum((np.arange(side) + MARGIN) // TILE_PATCH, count - 1)  # of each pixel of a row
    n_tiles = -(-len(COLOURS) // count**2)
    order = _shuffled(1, n_tiles * count**2, len(COLOURS)).reshape(n_tiles, count, count)
    grids = np.array(COLOURS, np.uint8)[order]
    return [planes_of(grid[patch][:, patch]) for grid in grids]


def _shuffled(seed: int, n: int, kinds: int) -> NDArray[np.int64]:
    """(n,) of ``kinds`` numbers at random, none again before all others were there."""
    rng, rounds = np.random.default_rng(seed), -(-n // kinds)
    return np.concatenate([rng.permutation(kinds) for _ in range(rounds)])[:n]


def _patches(order: NDArray[np.int64], side: int) -> NDArray[np.uint8]:
    """n² colours, by number, in n by n patches: (n · side, n · side, 3)."""
    count = round(len(order) ** 0.5)
    colours = np.array(COLOURS, np.uint8)[order].reshape(count, count, 3)
    return colours.repeat(side, axis=0).repeat(side, axis=1)
