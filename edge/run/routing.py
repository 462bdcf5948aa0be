"""Where a bigger network gains much it enlarges the picture, and a smaller one everywhere else.

The smaller network's artifact has a router, which predicts the gain for every cell of a picture
(docs/design/routing.md). Cells are parts of a tile: a picture still passes tile by tile, in constant memory.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edge.card import Card, RoutingCard
from edge.errors import BadInput
from edge.run.artifact import Artifact
from edge.run.tiling import Rect, Tile
from edge.run.upscale import Renderer
from models.arrays import Float
from models.liif.cells import cell_edges

Size = tuple[int, int]  # height, width
Span = tuple[int, int]  # first, and the one after the last
Value = TypeVar("Value", bound=np.generic)

# Of the histogram of predictions. No squared error of 8-bit colours is above 2^16, and gains of 2^-16 are
# nothing: what lies beyond is counted with the outermost bins.
LOWEST, HIGHEST, BINS_PER_UNIT = -16, 16, 64

# Goes through a picture as it will be enlarged, but by the Renderer that it is given.
FirstPass = Callable[[Renderer], Iterable[object]]

# Is told the cells of a tile, and which of them the bigger network makes: (rows, columns) of bool.
OnChoice = Callable[["Cells", NDArray[np.bool_]], None]


@dataclass(frozen=True)
class Cells:
    """The cells of ``tile``: ``rows`` and ``columns`` are their edges, in LR pixels of the picture."""

    tile: Tile
    scale: int
    halo: int
    rows: tuple[int, ...]
    columns: tuple[int, ...]

    @property
    def shape(self) -> Size:
        """How many cells there are, down and across."""
        return len(self.rows) - 1, len(self.columns) - 1

    def spread(self, values: NDArray[Value]) -> NDArray[Value]:
        """``values`` of cells (rows, columns) to LR pixels of the tile, (h, w): each has its cell's."""
        return values.repeat(np.diff(self.rows), axis=0).repeat(np.diff(self.columns), axis=1)

    def part(self, rows: Span, columns: Span, side: int | None = None) -> Tile:
        """The cells from the first of ``rows`` up to the second, and so of ``columns``, as a tile of their
        own: they with their halo, as far as ``tile`` reaches. With ``side`` its source has that side, if need
        be by what of ``tile`` follows, and at its end by what is before."""
        top, bottom = (self.rows[number] for number in rows)
        left, right = (self.columns[number] for number in columns)
        source = self.tile.source
        first, last = self._seen((top, bottom), source.rows)
        start, stop = self._seen((left, right), source.columns)
        if side is not None:
            first, start = min(first, source.rows[1] - side), min(start, source.columns[1] - side)
            last, stop = first + side, start + side
        scale = self.scale
        return Tile(
            Rect(first, start, last - first, stop - start),
            Rect(scale * top, scale * left, scale * (bottom - top), scale * (right - left)),
        )

    def windows(self) -> tuple[list[Span], list[Span]]:
        """What the router sees of each row of cells, and of each column: pixels of the tile's source."""
        rows, columns = (
            [
                (first - span[0], last - span[0])
                for first, last in (self._seen(own, span) for own in pairwise(edges))
            ]
            for edges, span in (
                (self.rows, self.tile.source.rows),
                (self.columns, self.tile.source.columns),
            )
        )
        return rows, columns

    def _seen(self, own: Span, span: Span) -> Span:
        """Pixels of an axis that ``own`` ones are seen with, of a tile that reads ``span``."""
        return max(own[0] - self.halo, span[0]), min(own[1] + self.halo, span[1])

    def blocks(self, chosen: NDArray[np.bool_], side: int) -> Iterator[tuple[Span, Span]]:
        """Rows and columns [first, last) of the blocks with a ``chosen`` cell among all that a source of
        ``side`` holds with their halo: as many cells in each as fit, from the first cell on."""
        rows, columns = (
            _stretches(edges, span, self.halo, side)
            for edges, span in (
                (self.rows, self.tile.source.rows),
                (self.columns, self.tile.source.columns),
            )
        )
        for block in product(rows, columns):
            if chosen[slice(*block[0]), slice(*block[1])].any():
                yield block


def _stretches(edges: Sequence[int], span: Span, halo: int, side: int) -> list[Span]:
    """The cells between ``edges``, of a tile that reads ``span``, in stretches that ``side`` pixels hold."""
    found, first = [], 0
    while first < len(edges) - 1:
        start = max(edges[first] - halo, span[0])
        last = first + 1
        while last < len(edges) - 1 and min(edges[last + 1] + halo, span[1]) - start <= side:
            last += 1
        found.append((first, last))
        first = last
    return found


def cells_of(tile: Tile, scale: int, routing: RoutingCard) -> Cells:
    """``tile`` in cells of at most ``routing.cell`` LR pixels a side: what it owns, by ``cell_edges``."""

    def edges(first: int, last: int) -> tuple[int, ...]:
        return tuple(first + edge for edge in cell_edges(last - first, routing.cell))

    rows, columns = (
        edges(first // scale, last // scale) for first, last in (tile.target.rows, tile.target.columns)
    )
    return Cells(tile, scale, routing.halo, rows, columns)


def merged(chosen: NDArray[np.bool_]) -> Iterator[tuple[Span, Span]]:
    """Rectangles, as rows and columns [first, last), that ``chosen`` cells (rows, columns) make: runs along a
    row, and those of several rows that begin and end alike. Fewer and larger windows have less halo."""
    growing: dict[Span, int] = {}  # runs of the row before, with the row that they began in
    for row in range(len(chosen) + 1):
        runs = _runs(chosen[row]) if row < len(chosen) else []
        for run, first in growing.items():
            if run not in runs:
                yield (first, row), run
        growing = {run: growing.get(run, row) for run in runs}


def _runs(chosen: NDArray[np.bool_]) -> list[Span]:
    """First index of every run of True, and the one after its last."""
    steps = np.flatnonzero(np.diff(chosen.astype(np.int8), prepend=0, append=0))
    return [(int(first), int(last)) for first, last in steps.reshape(-1, 2)]


def predicted_gains(artifact: Artifact, window: Float, tile: Tile) -> tuple[Cells, Float]:
    """The cells of ``tile``, and for each what the router of ``artifact`` predicts: (rows, columns).
    ``window``: the tile's source (1, 3, h, w)."""
    scale, routing = artifact.card.scale, artifact.card.routing
    assert scale != "any" and routing is not None
    cells = cells_of(tile, scale, routing)
    gains = np.empty(cells.shape, np.float32)
    rows, columns = cells.windows()
    for i, j in product(range(len(rows)), range(len(columns))):
        gains[i, j] = artifact.route(window[:, :, slice(*rows[i]), slice(*columns[j])])
    return cells, gains


def seen(window: Float, tile: Tile, part: Tile) -> Float:
    """The source of ``part`` of ``tile``, cut out of the tile's ``window``."""
    inside = part.source.within(tile.source)
    return window[:, :, slice(*inside.rows), slice(*inside.columns)]


class _OnCells(ABC):
    """What the renderers below have in common: ``artifact``, whose router they ask, plans their tiles."""

    def __init__(self, artifact: Artifact) -> None:
        self._artifact = artifact

    @property
    def card(self) -> Card:
        """See ``Renderer``."""
        return self._artifact.card

    def output_size(self, lr_size: Size, size: Size | None) -> Size:
        """See ``Artifact``."""
        return self._artifact.output_size(lr_size, size)

    def render_sizes(
        self, window: Float, tiles: Sequence[Tile], lr_size: Size, sizes: Sequence[Size]
    ) -> list[Float]:
        """See ``Artifact``. Those of one scale make one size."""
        made = self.render(window, tiles[0], lr_size, sizes[0])
        return [made] * len(tiles)

    @abstractmethod
    def render(self, window: Float, tile: Tile, lr_size: Size, size: Size) -> Float:
        """See ``Artifact``."""


class RoutedArtifact(_OnCells):
    """``smaller``, and in cells with a predicted gain above ``threshold`` in its place ``bigger``.

    Good for one picture: ``n_cells`` and ``n_bigger`` count what has been rendered of it, colours and alpha,
    and ``on_choice`` is told of each.
    """

    def __init__(
        self, smaller: Artifact, bigger: Artifact, threshold: float, on_choice: OnChoice | None = None
    ) -> None:
        super().__init__(smaller)
        self._bigger, self.threshold, self._on_choice = bigger, threshold, on_choice
        self.n_cells = self.n_bigger = 0

    @property
    def share(self) -> float:
        """Of the cells rendered, what ``bigger`` made; 0 before the first."""
        return self.n_bigger / self.n_cells if self.n_cells else 0.0

    def render(self, window: Float, tile: Tile, lr_size: Size, size: Size) -> Float:
        """See ``Artifact``."""
        cells, gains = predicted_gains(self._artifact, window, tile)
        chosen = gains > np.float32(self.threshold)
        self.n_cells += chosen.size
        self.n_bigger += int(chosen.sum())
        if self._on_choice is not None:
            self._on_choice(cells, chosen)
        side = self._bigger.card.tile.fixed
        if chosen.all() and side in (None, self.card.tile.fixed):  # nothing of the smaller one would be left
            return self._bigger.render(window, tile, lr_size, size)
        made = self._artifact.render(window, tile, lr_size, size)
        if chosen.any():
            made = made.copy()
        by_bigger = None  # all that it makes; of one tile size it makes cells in between, too
        if side is not None:
            by_bigger = cells.spread(chosen).repeat(cells.scale, axis=0).repeat(cells.scale, axis=1)
        for rows, columns in merged(chosen) if side is None else cells.blocks(chosen, side):
            part = cells.part(rows, columns, side)
            inside = part.target.within(tile.target)
            at = slice(*inside.rows), slice(*inside.columns)
            rendered = self._bigger.render(seen(window, tile, part), part, lr_size, size)
            np.copyto(made[:, *at], rendered, where=True if by_bigger is None else by_bigger[at])
        return made


class GainMap(_OnCells):
    """It draws what the router predicts: a pixel of its pictures is the gain of the cell that it is in."""

    def render(self, window: Float, tile: Tile, lr_size: Size, size: Size) -> Float:
        """See ``Artifact``."""
        cells, gains = predicted_gains(self._artifact, window, tile)
        drawn = cells.spread(gains).repeat(cells.scale, axis=0).repeat(cells.scale, axis=1)
        return np.broadcast_to(drawn, (3, *drawn.shape))


class GainHistogram(_OnCells):
    """It counts what the router predicts, in fixed memory, and enlarges nothing: its pictures are black."""

    def __init__(self, artifact: Artifact) -> None:
        super().__init__(artifact)
        self._counts = np.zeros((HIGHEST - LOWEST) * BINS_PER_UNIT, np.int64)

    def render(self, window: Float, tile: Tile, lr_size: Size, size: Size) -> Float:
        """Zeros of the target's shape; the tile's cells are counted."""
        _, gains = predicted_gains(self._artifact, window, tile)
        bins = np.floor((gains.ravel() - LOWEST) * BINS_PER_UNIT)
        np.add.at(self._counts, bins.clip(0, len(self._counts) - 1).astype(np.int64), 1)
        return np.broadcast_to(np.float32(0), (3, tile.target.height, tile.target.width))

    def threshold(self, share: float) -> float:
        """The lowest, of the bins' edges, that at most ``share`` of the cells counted are above."""
        above = self._counts[::-1].cumsum()
        n_bins = int(np.searchsorted(above, share * above[-1], side="right"))
        if n_bins in (0, len(above)):
            return math.inf if n_bins == 0 else -math.inf
        return HIGHEST - n_bins / BINS_PER_UNIT


@dataclass(frozen=True)
class Effort:
    """So many ``percent`` of an average photograph's cells, 0 to 100, by the card's thresholds: of a picture
    with more detail it is more. Raises BadInput for others."""

    percent: int

    def __post_init__(self) -> None:
        if not 0 <= self.percent <= 100:
            raise BadInput(f"expected an effort from 0 to 100, found {self.percent}")

    def threshold(self, artifact: Artifact, first_pass: FirstPass) -> float:
        """The predicted gain above which cells are for the bigger network. No first pass is needed."""
        assert artifact.card.routing is not None
        ends = {0: math.inf, 100: -math.inf}
        return ends.get(self.percent, artifact.card.routing.thresholds[self.percent])


@dataclass(frozen=True)
class Budget:
    """A ``share`` of each picture's own cells, 0 to 1, at most: those with the largest predicted gain, for
    which the router sees the whole picture first. Raises BadInput for others."""

    share: float

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise BadInput(f"expected a budget from 0 to 1, found {self.share:g}")

    def threshold(self, artifact: Artifact, first_pass: FirstPass) -> float:
        """See ``Effort``."""
        histogram = GainHistogram(artifact)
        for _ in first_pass(histogram):
            pass
        return histogram.threshold(self.share)


Extent = Effort | Budget


def routing_of(card: Card, by: str = "") -> RoutingCard:
    """What ``card`` says of its router. Raises BadInput for an artifact without one; ``by``: that artifact in
    words, its name by default."""
    if card.routing is None:
        raise BadInput(f"expected an artifact with a router, found {by or card.name}, which has none")
    return card.routing


def check_pair(smaller: Card, bigger: Card) -> None:
    """Raises BadInput for a ``smaller`` artifact without a router, for another ``bigger`` one than its
    router knows, and for one whose only tile size holds no cell or is none of the smaller one's parts."""
    routing = routing_of(smaller)
    if bigger.checkpoint.sha256 != routing.bigger or bigger.scale != smaller.scale:
        raise BadInput(
            f"expected a bigger artifact at ×{smaller.scale} of the checkpoint {routing.bigger[:12]}…, "
            f"which the router knows, found {bigger.name} of {bigger.checkpoint.sha256[:12]}…"
        )
    side, own, window = bigger.tile.fixed, smaller.tile.fixed, routing.largest
    if side is not None and (own is None or not min(own, window) <= side <= own):
        sizes = "" if own is None else f" or of one from {min(own, window)} to {own} pixels"
        raise BadInput(
            f"expected a bigger artifact that takes tiles of any size{sizes}, found {bigger.name}, "
            f"which takes tiles of {side} pixels"
        )


def route(
    smaller: Artifact,
    bigger: Artifact,
    extent: Extent,
    first_pass: FirstPass,
    on_choice: OnChoice | None = None,
) -> RoutedArtifact:
    """What renders one picture to the ``extent`` wanted; ``first_pass`` goes through that picture. Raises
    BadInput as ``check_pair`` does."""
    check_pair(smaller.card, bigger.card)
    return RoutedArtifact(smaller, bigger, extent.threshold(smaller, first_pass), on_choice)
