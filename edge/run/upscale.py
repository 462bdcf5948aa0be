"""A picture through an artifact, tile by tile."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Protocol

import numpy as np

from edge.card import Card
from edge.errors import BadInput
from edge.images.flat_areas import FLAT_REACH, keep_flat
from edge.images.picture import Colour, Picture, flatten
from edge.images.pixels import Samples, grey_of
from edge.images.row_window import RowWindow
from edge.images.transparency import FILL_REACH, alpha_range, fill_clear, limit_alpha
from edge.recipe import MAX_SCALE
from edge.run.artifact import window_of
from edge.run.tiling import Rect, Tile, plan_tiles
from edge.work import Work
from models.arrays import Float
from models.resize import bicubic

RenderedTile = tuple[Rect, Float]
# Of one tile of a picture: where it lies at each of the sizes asked for, and its samples there.
RenderedSamples = Sequence[tuple[Rect, Samples]]

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

    def render_sizes(
        self,
        window: Float,
        tiles: Sequence[Tile],
        lr_size: tuple[int, int],
        sizes: Sequence[tuple[int, int]],
    ) -> list[Float]:
        """See ``Artifact``."""
        ...


@dataclass(frozen=True)
class _Plan:
    """Tiles that make pictures of ``sizes`` from one of ``lr_size``, (height, width): ``tiles`` has for each
    source, which is the same at every size, a tile for each of them."""

    artifact: Renderer
    lr_size: tuple[int, int]
    sizes: Sequence[tuple[int, int]]
    tiles: Sequence[Sequence[Tile]]
    keeps_flat: bool

    def around(self, source: Rect, has_alpha: bool) -> Rect:
        """What of the picture, with alpha or without, shapes the targets of ``source``: this, and as far
        around as flat areas and colours under clear pixels reach. Bicubic reaches less."""
        margin = FLAT_REACH + (FILL_REACH if has_alpha else 0)
        (top, bottom), (left, right) = (
            (max(0, first - margin), min(n, last + margin))
            for (first, last), n in zip((source.rows, source.columns), self.lr_size, strict=True)
        )
        return Rect(top, left, bottom - top, right - left)

    def render(self, planes: Float, at: Rect, parts: Sequence[Tile]) -> list[Float]:
        """The targets of ``parts``, of one source: (3, H', W') each, with alpha (4, H', W'). ``planes``: the
        picture ``at``."""

        def enlarged(rgb: Float) -> list[Float]:
            # Where the source leaves the picture, so it leaves what of the picture is around it.
            window = window_of(rgb, parts[0].source.within(at))
            return self.artifact.render_sizes(window, parts, self.lr_size, self.sizes)

        centres = [
            self._source_pixels(part.target, size, at) for part, size in zip(parts, self.sizes, strict=True)
        ]

        def coloured(rgb: Float) -> list[Float]:
            made = enlarged(rgb)
            if not self.keeps_flat:
                return made
            return [keep_flat(planes, rgb, *where) for planes, where in zip(made, centres, strict=True)]

        if len(planes) == 3:
            return coloured(planes)
        rgb, alpha = planes[:3], planes[3]
        spans = [alpha_range(alpha, *where) for where in centres]
        alphas = [low for low, _ in spans]
        if not all(np.array_equal(*span) for span in spans):
            made = enlarged(np.broadcast_to(alpha, rgb.shape))
            alphas = [limit_alpha(grey_of(grey), span) for grey, span in zip(made, spans, strict=True)]
        colours = coloured(fill_clear(rgb, alpha))
        return [np.concatenate([rgb, alpha[None]]) for rgb, alpha in zip(colours, alphas, strict=True)]

    def _source_pixels(self, target: Rect, size: tuple[int, int], at: Rect) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the picture ``at`` in which the centres of ``target``, of ``size``, lie."""
        rows, columns = (
            (2 * np.arange(*span) + 1) * n_in // (2 * n_out) - first
            for span, n_in, n_out, first in zip(
                (target.rows, target.columns), self.lr_size, size, (at.top, at.left), strict=True
            )
        )
        return rows, columns


def _plan(
    artifact: Renderer,
    lr_size: tuple[int, int],
    sizes: Sequence[tuple[int, int] | None],
    tile: int | None,
    halo: int | None,
    keeps_flat: bool,
) -> _Plan:
    """``tile`` and ``halo`` in LR pixels override the card's."""
    wholes, card = [artifact.output_size(lr_size, size) for size in sizes], artifact.card.tile
    side = tile if tile is not None else card.fixed or card.default
    margin = halo if halo is not None else card.halo
    # No target shrinks the picture, so that none leaves a tile out.
    by_size = [plan_tiles(lr_size, whole, (side, side), margin, card.smallest_side) for whole in wholes]
    return _Plan(artifact, lr_size, wholes, list(zip(*by_size, strict=True)), keeps_flat)


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
    plan = _plan(artifact, (lr.shape[1], lr.shape[2]), [size], tile, halo, keeps_flat)

    def rendered(part: Tile) -> RenderedTile:
        at = plan.around(part.source, has_alpha=len(lr) == 4)
        [made] = plan.render(lr[:, slice(*at.rows), slice(*at.columns)], at, [part])
        return part.target, made

    return Work(len(plan.tiles), (rendered(part) for [part] in plan.tiles))


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
    targets: Sequence[Picture],
    *,
    background: Colour | None = None,
    tile: int | None = None,
    halo: int | None = None,
) -> Work[RenderedSamples]:
    """Tiles of ``targets``, each of which ``picture`` becomes by ``enlarged``; of an animation,
    frame by frame. A tile is encoded once for all of them.

    The strips of ``picture`` are gone through once, and no more of them is held than a row of tiles needs.
    ``background`` lies behind what is transparent. The network does not see colours beyond sRGB: bicubic
    enlarges that part. Raises BadInput as ``render_tiles`` does, and from the loop BadImage for NaN.
    """
    sizes = [target.size for target in targets]
    plan = _plan(artifact, picture.size, sizes, tile, halo, keeps_flat=True)
    window = RowWindow(picture.strips)

    def rendered(frame: int, parts: Sequence[Tile]) -> RenderedSamples:
        at = plan.around(parts[0].source, picture.has_alpha)
        top, bottom = (frame * picture.size[0] + row for row in at.rows)
        planes = picture.to_planes(window.rows(top, bottom)[:, slice(*at.columns)])
        seen = planes if picture.space is None else planes.clip(0, 1)
        made = plan.render(seen, at, parts)
        beyond = None if seen is planes else _beyond(planes)
        return [
            (part.target, _finished(planes, part.target, target, background, beyond, at, picture.size))
            for planes, part, target in zip(made, parts, targets, strict=True)
        ]

    return Work(
        picture.n_frames * len(plan.tiles),
        (rendered(frame, parts) for frame, parts in product(range(picture.n_frames), plan.tiles)),
    )


def filled(target: Picture, tiles: Iterable[RenderedSamples]) -> Picture:
    """``target`` with the pixels of ``tiles``, of ``render_picture`` for it alone; they are rendered as its
    strips are asked for, a strip for each row of tiles."""
    return replace(target, strips=(strip for [strip] in strips_of_tiles([target], tiles)))


def strips_of_tiles(targets: Sequence[Picture], tiles: Iterable[RenderedSamples]) -> Iterator[list[Samples]]:
    """For each row of ``tiles``, of ``render_picture``, a strip of each of ``targets``."""
    strips: list[Samples] = []
    for made in tiles:
        if made[0][0].left == 0:
            strips = [
                np.empty((at.height, target.size[1], target.n_channels), target.dtype)
                for (at, _), target in zip(made, targets, strict=True)
            ]
        for strip, (at, samples) in zip(strips, made, strict=True):
            strip[:, slice(*at.columns)] = samples
        if made[0][0].columns[1] == targets[0].size[1]:
            yield strips


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
