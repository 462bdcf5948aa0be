"""Tile plans: integer rectangles, so that Kotlin, Swift and C++ make the same ones (docs/format/tiling.md).

A tile is a window of the low-resolution picture that one program call upscales. It carries a halo of
pixels that only lend context; its result is cropped hard, without feathering. At a border the window
shifts inward instead of being padded, so border pixels see exactly what they see untiled. Only where
a whole picture is tiny does its one window leave it, and reads the nearest pixel there.
"""

from dataclasses import dataclass

from edge.errors import BadInput


@dataclass(frozen=True)
class Rect:
    """``height`` x ``width`` pixels from (``top``, ``left``)."""

    top: int
    left: int
    height: int
    width: int

    @property
    def rows(self) -> tuple[int, int]:
        """First row, and the row after the last."""
        return self.top, self.top + self.height

    @property
    def columns(self) -> tuple[int, int]:
        """First column, and the column after the last."""
        return self.left, self.left + self.width

    def within(self, other: "Rect") -> "Rect":
        """The same pixels, counted from the corner of ``other``."""
        return Rect(self.top - other.top, self.left - other.left, self.height, self.width)


@dataclass(frozen=True)
class Tile:
    """``source``: LR pixels to read, halo included; ``target``: output pixels to write.

    A ``source`` that leaves its picture, at negative rows for example, reads the nearest pixel of it.
    """

    source: Rect
    target: Rect

    def crop(self, scale: int) -> Rect:
        """At a whole ``scale``: the part of the program's output that goes to ``target``."""
        return Rect(
            self.target.top - scale * self.source.top,
            self.target.left - scale * self.source.left,
            self.target.height,
            self.target.width,
        )


@dataclass(frozen=True)
class _Span:
    """One tile along one axis, in LR pixels: reads [start, stop), owns [first, last)."""

    start: int
    stop: int
    first: int
    last: int


def _plan_axis(length: int, tile: int, halo: int, smallest_side: int) -> list[_Span]:
    if length < smallest_side:
        before = (smallest_side - length) // 2
        return [_Span(-before, smallest_side - before, 0, length)]
    if tile < length and tile <= 2 * halo:
        raise BadInput(f"expected a tile larger than two halos of {halo}, found {tile}")
    size = min(tile, length)
    step = size - 2 * halo
    spans: list[_Span] = []
    owned = 0
    start = 0
    while start + size < length:
        last = start + size - halo
        spans.append(_Span(start, start + size, owned, last))
        owned = last
        start = min(start + step, length - size)
    spans.append(_Span(start, start + size, owned, length))
    return spans


def _first_output(edge: int, n_in: int, n_out: int) -> int:
    """The first output pixel whose centre, (j + 1/2)·n_in / n_out, does not lie before ``edge``."""
    return (2 * edge * n_out + n_in - 1) // (2 * n_in)


def plan_tiles(
    lr_size: tuple[int, int],
    size: tuple[int, int],
    tile: tuple[int, int],
    halo: int,
    smallest_side: int = 0,
) -> list[Tile]:
    """Tiles of at most ``tile`` (height, width) LR pixels, ``halo`` included, that make a picture of
    ``size`` from one of ``lr_size``, row by row; their targets partition it.

    A tile owns LR pixels [a, b) of an axis and writes the output pixels whose centres lie in them:
    from (2·a·N + n - 1) // (2·n) up to the same of b. An axis of fewer than ``smallest_side`` LR pixels
    is one window of as many, whatever the tile: with the picture in its middle, the odd pixel after it.
    Raises BadInput for sizes below 1 and for a halo that leaves a tile nothing to own.
    """
    if min(*lr_size, *size, *tile) < 1 or halo < 0:
        raise BadInput(
            f"expected sizes of at least 1 and a halo of at least 0, found picture "
            f"{lr_size}, target {size}, tile {tile}, halo {halo}"
        )
    rows, columns = (
        _plan_axis(length, extent, halo, smallest_side) for length, extent in zip(lr_size, tile, strict=True)
    )
    tiles = []
    for row in rows:
        top, bottom = (_first_output(edge, lr_size[0], size[0]) for edge in (row.first, row.last))
        for column in columns:
            left, right = (_first_output(edge, lr_size[1], size[1]) for edge in (column.first, column.last))
            if bottom > top and right > left:  # a shrinking target can leave a tile without pixels
                tiles.append(
                    Tile(
                        Rect(row.start, column.start, row.stop - row.start, column.stop - column.start),
                        Rect(top, left, bottom - top, right - left),
                    )
                )
    return tiles
