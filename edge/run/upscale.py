"""A picture through an artifact, tile by tile."""

from collections.abc import Callable

import numpy as np

from edge.errors import BadInput
from edge.images.image_file import Picture, to_float, to_uint8
from edge.recipe import MAX_SCALE
from edge.run.artifact import Artifact
from edge.run.tiling import Tile, plan_tiles
from models.arrays import Float
from models.resize import bicubic

# 12 bytes each while the picture is put together: 1.2 GB.
MAX_OUTPUT_PIXELS = 100_000_000


def upscale(
    artifact: Artifact,
    lr: Float,
    size: tuple[int, int] | None = None,
    *,
    tile: int | None = None,
    halo: int | None = None,
    on_tile: Callable[[], None] = lambda: None,
) -> Float:
    """``lr`` (3, h, w) in [0, 1] to (3, H, W), not clamped, in tiles as the artifact's card has them.

    A picture smaller than the network's reach is extended by its border meanwhile (docs/format/tiling.md).
    ``size``: (H, W), needed by any-scale artifacts only. ``tile`` and ``halo`` in LR pixels override the
    card's. ``on_tile`` is called after each of ``count_tiles`` tiles. Raises BadInput for sizes and tiles
    that the artifact cannot make.
    """
    size = artifact.output_size((lr.shape[1], lr.shape[2]), size)
    out = np.empty((3, *size), np.float32)
    for part in _plan(artifact, lr, size, tile, halo):
        out[:, slice(*part.target.rows), slice(*part.target.columns)] = artifact.render(lr, part, size)
        on_tile()
    return out


def count_tiles(
    artifact: Artifact,
    lr: Float,
    size: tuple[int, int] | None,
    tile: int | None = None,
    halo: int | None = None,
) -> int:
    """How many tiles ``upscale`` will run."""
    return len(_plan(artifact, lr, size, tile, halo))


def upscale_picture(
    artifact: Artifact,
    picture: Picture,
    size: tuple[int, int],
    *,
    tile: int | None = None,
    halo: int | None = None,
    on_tile: Callable[[], None] = lambda: None,
) -> Picture:
    """A whole picture; its transparency is enlarged by Pillow's bicubic, its colour profile kept."""
    rgb = upscale(artifact, picture.rgb, size, tile=tile, halo=halo, on_tile=on_tile)
    alpha = None if picture.alpha is None else to_float(bicubic(to_uint8(picture.alpha), size))
    return Picture(rgb, alpha, picture.icc_profile)


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


def _plan(
    artifact: Artifact, lr: Float, size: tuple[int, int] | None, tile: int | None, halo: int | None
) -> list[Tile]:
    lr_size, card = (lr.shape[1], lr.shape[2]), artifact.card.tile
    side = tile if tile is not None else card.fixed or card.default
    return plan_tiles(
        lr_size,
        artifact.output_size(lr_size, size),
        (side, side),
        halo if halo is not None else card.halo,
        card.smallest_side,
    )
