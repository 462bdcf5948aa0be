"""A picture through an artifact, tile by tile."""

from collections.abc import Iterable

import numpy as np

from edge.errors import BadInput
from edge.images.image_file import Picture, to_float, to_uint8
from edge.recipe import MAX_SCALE
from edge.run.artifact import Artifact
from edge.run.tiling import Rect, plan_tiles
from edge.work import Work
from models.arrays import Float
from models.resize import bicubic

# 12 bytes each while the picture is put together: 1.2 GB.
MAX_OUTPUT_PIXELS = 100_000_000

RenderedTile = tuple[Rect, Float]


def render_tiles(
    artifact: Artifact,
    lr: Float,
    size: tuple[int, int] | None = None,
    *,
    tile: int | None = None,
    halo: int | None = None,
) -> Work[RenderedTile]:
    """Tiles of ``lr`` (3, h, w) in [0, 1], as the artifact's card has them: where each lies in the target,
    and its colours (3, H', W'), not clamped. They partition the target, row by row.

    A picture smaller than the network's receptive field is extended by its border meanwhile
    (docs/format/tiling.md).
    ``size``: (H, W), needed by any-scale artifacts only. ``tile`` and ``halo`` in LR pixels override the
    card's. Raises BadInput for sizes and tiles that the artifact cannot make.
    """
    lr_size, card = (lr.shape[1], lr.shape[2]), artifact.card.tile
    whole = artifact.output_size(lr_size, size)
    side = tile if tile is not None else card.fixed or card.default
    margin = halo if halo is not None else card.halo
    tiles = plan_tiles(lr_size, whole, (side, side), margin, card.smallest_side)
    return Work(len(tiles), ((part.target, artifact.render(lr, part, whole)) for part in tiles))


def put_together(tiles: Iterable[RenderedTile], size: tuple[int, int]) -> Float:
    """The picture (3, H, W) of ``size`` that ``tiles`` are of."""
    out = np.empty((3, *size), np.float32)
    for target, colours in tiles:
        out[:, slice(*target.rows), slice(*target.columns)] = colours
    return out


def upscale(
    artifact: Artifact,
    lr: Float,
    size: tuple[int, int] | None = None,
    *,
    tile: int | None = None,
    halo: int | None = None,
) -> Float:
    """``lr`` (3, h, w) in [0, 1] to (3, H, W), not clamped; see ``render_tiles``."""
    tiles = render_tiles(artifact, lr, size, tile=tile, halo=halo)
    return put_together(tiles, artifact.output_size((lr.shape[1], lr.shape[2]), size))


def whole_picture(rgb: Float, source: Picture) -> Picture:
    """``rgb`` (3, H, W), which ``source`` was upscaled to, with what else it has: its transparency
    enlarged by Pillow's bicubic, its colour profile as it is."""
    size = (rgb.shape[1], rgb.shape[2])
    alpha = None if source.alpha is None else to_float(bicubic(to_uint8(source.alpha), size))
    return Picture(rgb, alpha, source.icc_profile)


def target_size(lr_size: tuple[int, int], scale: float) -> tuple[int, int]:
    """(H, W) at ``scale``: rounded half to even, at least the picture's own size."""
    height, width = (max(n, round(n * scale)) for n in lr_size)
    return height, width


def check_target(lr_size: tuple[int, int], size: tuple[int, int]) -> None:
    """Raises BadInput for a target that is smaller than the picture, over 30 times as large, or too big
    to hold in memory."""
    for n_in, n_out in zip(lr_size, size, strict=True):
        if not n_in <= n_out <= MAX_SCALE * n_in:
            raise BadInput(
                f"expected a target of 1 to {MAX_SCALE:g} times the picture's {lr_size[1]}x{lr_size[0]}, "
                f"found {size[1]}x{size[0]}"
            )
    if size[0] * size[1] > MAX_OUTPUT_PIXELS:
        raise BadInput(f"expected a target of at most {MAX_OUTPUT_PIXELS} pixels, found {size[1]}x{size[0]}")
