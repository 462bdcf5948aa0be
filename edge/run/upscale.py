"""A picture through an artifact, tile by tile."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Protocol

import numpy as np

from edge.card import Card
from edge.errors import BadInput
from edge.images.flat_areas import FLAT_REACH, keep_flat
from edge.images.picture import Colour, Picture, flatten
from edge.images.pixels import Samples
from edge.images.row_window import RowWindow
from edge.images.transparency import FILL_REACH, alpha_range, fill_clear, limit_alpha
from edge.recipe import MAX_SCALE
from edge.run.artifact import window_of
from edge.run.tiling import Rect, Tile, plan_tiles
from edge.work import Work
from models.arrays import Float
from models.resize import bicubic

RenderedTile = tuple[Rect, Float]
RenderedSamples = tuple[Rect, Samples]

STRIP = 256  # rows of an enlargement that is kept


class Renderer(Protocol):
    """What makes the tiles of an enlargement: an ``Artifact``, or what is made of several."""

    @property
    def card(self) -> Card:
        """It says how tiles are cut."""
        ...

    def output_size(self, lr_size: tuple[int, int], size: tuple[int, int] | None) -> tuple[int, int]:
        """See ``Artifact``."""
        ...

    def render(self, window: Float, tile: Tile, lr_size: tuple[int, int], size: tuple[int, int]) -> Float:
        """See ``Artifact``."""
        ...


@dataclass(frozen=True)
class _Plan:
    """Tiles that make a picture of ``size`` from one of ``lr_size``, (height, width)."""

    artifact: Renderer
    lr_size: tuple[int, int]
    size: tuple[int, int]
    tiles: list[Tile]
    keeps_flat: bool

    def around(self, part: Tile, has_alpha: bool) -> Rect:
        """What of the picture, with alpha or without, shapes the target of ``part``: its source, and as far
        around as flat areas and colours under clear pixels reach. Bicubic reaches less."""
        margin = FLAT_REACH + (FILL_REACH if has_alpha else 0)
        (top, bottom), (left, right) = (
            (max(0, first - margin), min(n, last + margin))
            for (first, last), n in zip((part.source.rows, part.source.columns), self.lr_size, strict=True)
        )
        return Rect(top, left, bottom - top, right - left)

    def render(self, planes: Float, at: Rect, part: Tile) -> Float:
        """The target of ``part``: (3, H', W'), with alpha (4, H', W'). ``planes``: the picture ``at``."""

        def enlarged(rgb: Float) -> Float:
            # Where the source leaves the picture, so it leaves what of the picture is around it.
            window = window_of(rgb, part.source.within(at))
            return self.artifact.render(window, part, self.lr_size, self.size)

        centres = self._source_pixels(part.target, at)

        def coloured(rgb: Float) -> Float:
            return keep_flat(enlarged(rgb), rgb, *centres) if self.keeps_flat else enlarged(rgb)

        if len(planes) == 3:
            return coloured(planes)
        rgb, alpha = planes[:3], planes[3]
        span = alpha_range(alpha, *centres)
        made = span[0]
        if not np.array_equal(*span):
            red, green, blue = enlarged(np.broadcast_to(alpha, rgb.shape))
            made = limit_alpha((red + green + blue) / np.float32(3), span)
        return np.concatenate([coloured(fill_clear(rgb, alpha)), made[None]])

    def _source_pixels(self, target: Rect, at: Rect) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the picture ``at`` in which the centres of ``target`` lie."""
        rows, columns = (
            (2 * np.arange(*span) + 1) * n_in // (2 * n_out) - first
            for span, n_in, n_out, first in zip(
                (target.rows, target.columns), self.lr_size, self.size, (at.top, at.left), strict=True
            )
        )
        return rows, columns


def _plan(
    artifact: Renderer,
    lr_size: tuple[int, int],
    size: tuple[int, int] | None,
    tile: int | None,
    halo: int | None,
    keeps_flat: bool,
) -> _Plan:
    """``tile`` and ``halo`` in LR pixels override the card's."""
    whole, card = artifact.output_size(lr_size, size), artifact.card.tile
    side = tile if tile is not None else card.fixed or card.default
    margin = halo if halo is not None else card.halo
    tiles = plan_tiles(lr_size, whole, (side, side), margin, card.smallest_side)
    return _Plan(artifact, lr_size, whole, tiles, keeps_flat)


def render_tiles(
    artifact: Renderer,
    lr: Float,
    size: tuple[int, int] | None = None,
    *,
    tile: int | None = None,
    halo: int | None = None,
    keeps_flat: bool = False,
) -> Work[RenderedTile]:
    """Tiles of ``lr`` (3, h, w) in [0, 1], as the artifact's card has them: where each lies in the target,
    and its colours (3, H', W'), not clamped. They partition the target, row by row.

    A fourth plane of ``lr`` is alpha, and of the tiles, too, in [0, 1]: the network enlarges it as a grey
    picture, so that its edges are as sharp as those of the colours (docs/format/tiling.md, Transparency).
    A picture smaller than the network's receptive field is extended by its border meanwhile
    (docs/format/tiling.md).
    ``size``: (H, W), needed by any-scale artifacts only. ``tile`` and ``halo`` in LR pixels override the
    card's. With ``keeps_flat`` areas of one colour keep it (``keep_flat``), as in pictures that users get;
    without, all is the program's. Raises BadInput for sizes and tiles that the artifact cannot make.
    """
    plan = _plan(artifact, (lr.shape[1], lr.shape[2]), size, tile, halo, keeps_flat)

    def rendered(part: Tile) -> Float:
        at = plan.around(part, has_alpha=len(lr) == 4)
        return plan.render(lr[:, slice(*at.rows), slice(*at.columns)], at, part)

    return Work(len(plan.tiles), ((part.target, rendered(part)) for part in plan.tiles))


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
    artifact: Renderer,
    lr: Float,
    size: tuple[int, int] | None = None,
    *,
    tile: int | None = None,
    halo: int | None = None,
    keeps_flat: bool = False,
) -> Float:
    """``lr`` (3, h, w) in [0, 1] to (3, H, W), not clamped, or both with alpha; see ``render_tiles``."""
    tiles = render_tiles(artifact, lr, size, tile=tile, halo=halo, keeps_flat=keeps_flat)
    return put_together(tiles, artifact.output_size((lr.shape[1], lr.shape[2]), size))


def enlarged(
    picture: Picture, size: tuple[int, int], background: Colour | None = None, bits: int | None = None
) -> Picture:
    """What ``picture`` becomes at ``size`` (height, width), yet without pixels: with its profile, and its
    metadata for the new size. A ``background`` makes it opaque; ``bits`` of a sample override its own."""
    flat = picture.has_alpha and background is not None
    in_grey = background is None or len(set(background)) == 1
    return replace(
        picture,
        size=size,
        strips=(),
        grey=picture.grey and (in_grey or not flat),
        has_alpha=picture.has_alpha and not flat,
        bits=bits or picture.bits,
        # What numbers mean that came without a profile is sRGB from here on.
        space=picture.space if picture.icc_profile is not None else None,
        metadata=picture.metadata.enlarged(picture.size, size),
    )


def render_picture(
    artifact: Renderer,
    picture: Picture,
    target: Picture,
    *,
    background: Colour | None = None,
    tile: int | None = None,
    halo: int | None = None,
) -> Work[RenderedSamples]:
    """Tiles of ``target``, which ``picture`` becomes by ``enlarged``: where each lies, and its samples; those
    of an animation, frame by frame.

    The strips of ``picture`` are gone through once, and no more of them is held than a row of tiles needs.
    ``background`` lies behind what is transparent. The network does not see colours beyond sRGB: bicubic
    enlarges that part. Raises BadInput as ``render_tiles`` does, and from the loop BadImage for NaN.
    """
    plan = _plan(artifact, picture.size, target.size, tile, halo, keeps_flat=True)
    window = RowWindow(picture.strips)

    def rendered(frame: int, part: Tile) -> Samples:
        at = plan.around(part, picture.has_alpha)
        top, bottom = (frame * picture.size[0] + row for row in at.rows)
        planes = picture.to_planes(window.rows(top, bottom)[:, slice(*at.columns)])
        seen = planes if picture.space is None else planes.clip(0, 1)
        made = plan.render(seen, at, part)
        beyond = None if seen is planes else _beyond(planes)
        return _finished(made, part.target, target, background, beyond, at, picture.size)

    return Work(
        picture.n_frames * len(plan.tiles),
        (
            (part.target, rendered(frame, part))
            for frame, part in product(range(picture.n_frames), plan.tiles)
        ),
    )


def filled(target: Picture, tiles: Iterable[RenderedSamples]) -> Picture:
    """``target`` with the pixels of ``tiles``, of ``render_picture``; they are rendered as its strips are
    asked for, a strip for each row of tiles."""
    return replace(target, strips=_strips(target, tiles))


def strips_of_planes(
    planes: Float, picture: Picture, target: Picture, background: Colour | None = None
) -> Iterator[Samples]:
    """The strips of ``target`` of planes (3, H, W), (4, H, W) with alpha, which ``picture.planes`` were
    enlarged to: what ``render_picture`` does after the network, for an enlargement that is kept."""
    beyond, lr = _beyond(picture.to_planes(picture.samples)), Rect(0, 0, *picture.size)
    height, width = target.size
    for top in range(0, height, STRIP):
        at = Rect(top, 0, min(STRIP, height - top), width)
        made = np.array(planes[:, slice(*at.rows)])
        yield _finished(made, at, target, background, beyond, lr, picture.size)


def _beyond(planes: Float) -> Float | None:
    """What of the colours of ``planes`` lies outside sRGB, (3, h, w); None where nothing does."""
    beyond: Float = planes[:3] - planes[:3].clip(0, 1)
    return beyond if beyond.any() else None


def _finished(
    made: Float,
    part: Rect,
    target: Picture,
    background: Colour | None,
    beyond: Float | None,
    at: Rect,
    lr_size: tuple[int, int],
) -> Samples:
    """The samples of ``part`` of ``target``, of what a network has ``made`` there: with colours ``beyond``
    sRGB, of ``at`` in a picture of ``lr_size``, by Pillow's bicubic, and in front of ``background``."""
    if beyond is not None:
        (top, bottom), (left, right) = (
            [edge * n_in / n_out - first for edge in span]
            for span, n_in, n_out, first in zip(
                (part.rows, part.columns), lr_size, target.size, (at.top, at.left), strict=True
            )
        )
        size, box = (part.height, part.width), (left, top, right, bottom)
        made = made.copy()
        made[:3] += [bicubic(plane, size, box) for plane in beyond]
    if len(made) == 4 and background is not None:
        made = flatten(made, background)
    return target.to_samples(made)


def _strips(target: Picture, tiles: Iterable[RenderedSamples]) -> Iterator[Samples]:
    strip = np.empty(0, target.dtype)
    for at, samples in tiles:
        if at.left == 0:
            strip = np.empty((at.height, target.size[1], target.n_channels), target.dtype)
        strip[:, slice(*at.columns)] = samples
        if at.columns[1] == target.size[1]:
            yield strip


def target_size(lr_size: tuple[int, int], scale: float) -> tuple[int, int]:
    """(H, W) at ``scale``: rounded half to even, at least the picture's own size."""
    height, width = (max(n, round(n * scale)) for n in lr_size)
    return height, width


def check_target(lr_size: tuple[int, int], size: tuple[int, int]) -> None:
    """Raises BadInput for a target that is smaller than the picture, or over 30 times as large."""
    for n_in, n_out in zip(lr_size, size, strict=True):
        if not n_in <= n_out <= MAX_SCALE * n_in:
            raise BadInput(
                f"expected a target of 1 to {MAX_SCALE:g} times the picture's {lr_size[1]}x{lr_size[0]}, "
                f"found {size[1]}x{size[0]}"
            )
