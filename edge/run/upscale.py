"""A picture through an artifact, tile by tile."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from edge.errors import BadInput
from edge.images.picture import Picture
from edge.images.transparency import alpha_range, fill_clear, limit_alpha
from edge.recipe import MAX_SCALE
from edge.run.artifact import Artifact
from edge.run.tiling import Rect, Tile, plan_tiles
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

    A fourth plane of ``lr`` is alpha, and of the tiles, too, in [0, 1]: the network enlarges it as a grey
    picture, so that its edges are as sharp as those of the colours (docs/format/tiling.md, Transparency).
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
    rgb, alpha = lr[:3], lr[3] if len(lr) == 4 else None
    if alpha is None:
        return Work(len(tiles), ((part.target, artifact.render(rgb, part, whole)) for part in tiles))
    filled = fill_clear(rgb, alpha)

    def with_alpha(part: Tile) -> Float:
        colours = artifact.render(filled, part, whole)
        return np.concatenate([colours, _render_alpha(artifact, alpha, part, whole)[None]])

    return Work(len(tiles), ((part.target, with_alpha(part)) for part in tiles))


def _render_alpha(artifact: Artifact, alpha: Float, part: Tile, whole: tuple[int, int]) -> Float:
    """(H', W') of ``alpha`` (h, w): the network's picture of it in grey, within its ``alpha_range``."""
    span = alpha_range(alpha, part.target.rows, part.target.columns, whole)
    if np.array_equal(*span):
        return span[0]
    red, green, blue = artifact.render(np.broadcast_to(alpha, (3, *alpha.shape)), part, whole)
    return limit_alpha((red + green + blue) / np.float32(3), span)


def put_together(tiles: Iterable[RenderedTile], size: tuple[int, int]) -> Float:
    """The picture (3, H, W) of ``size`` that ``tiles`` are of; (4, H, W) of tiles with alpha."""
    out: Float | None = None
    for target, planes in tiles:
        if out is None:
            out = np.empty((len(planes), *size), np.float32)
        out[:, slice(*target.rows), slice(*target.columns)] = planes
    assert out is not None  # a picture has at least one tile
    return out


def upscale(
    artifact: Artifact,
    lr: Float,
    size: tuple[int, int] | None = None,
    *,
    tile: int | None = None,
    halo: int | None = None,
) -> Float:
    """``lr`` (3, h, w) in [0, 1] to (3, H, W), not clamped, or both with alpha; see ``render_tiles``."""
    tiles = render_tiles(artifact, lr, size, tile=tile, halo=halo)
    return put_together(tiles, artifact.output_size((lr.shape[1], lr.shape[2]), size))


def whole_picture(planes: Float, source: Picture) -> Picture:
    """``planes`` (3, H, W), (4, H, W) with alpha, which ``source.planes`` were upscaled to, as a picture with
    what else ``source`` has. The network did not see colours beyond sRGB: bicubic enlarges that part."""
    rgb, alpha = planes[:3], planes[3] if len(planes) == 4 else None
    size = (planes.shape[1], planes.shape[2])
    if source.is_wide:
        beyond = source.rgb - source.rgb.clip(0, 1)
        rgb = np.stack([plane + bicubic(part, size) for plane, part in zip(rgb, beyond, strict=True)])
    return replace(source, rgb=rgb, alpha=alpha, metadata=source.metadata.enlarged(source.size, size))


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
