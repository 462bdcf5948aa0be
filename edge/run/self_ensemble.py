"""The geometric self-ensemble: the mean of what a program makes of a tile in eight positions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge.run.artifact import Artifact
from edge.run.tiling import Rect, Tile
from models.arrays import Float

Size = tuple[int, int]  # height, width


class SelfEnsemble(Artifact):
    """An artifact whose tiles are the means over the four rotations of the picture and of its mirror image,
    turned back (EDSR, arXiv 1707.02921, section 3.3): eight times the work."""

    def render_sizes(
        self, window: Float, tiles: Sequence[Tile], lr_size: Size, sizes: Sequence[Size]
    ) -> list[Float]:
        """See ``Artifact``."""
        totals = [np.zeros((3, tile.target.height, tile.target.width), np.float32) for tile in tiles]
        for position in POSITIONS:
            turned = [
                Tile(position.of_rect(tile.source, lr_size), position.of_rect(tile.target, size))
                for tile, size in zip(tiles, sizes, strict=True)
            ]
            made = super().render_sizes(
                position.of(window[0])[None],
                turned,
                position.of_size(lr_size),
                [position.of_size(size) for size in sizes],
            )
            for total, planes in zip(totals, made, strict=True):
                total += position.back(planes)
        return [total / np.float32(len(POSITIONS)) for total in totals]


@dataclass(frozen=True)
class Position:
    """``quarters`` of a turn counter-clockwise, then mirrored left to right if ``mirrored``."""

    quarters: int
    mirrored: bool

    def of(self, planes: Float) -> Float:
        """A view of (C, H, W)."""
        turned = np.rot90(planes, self.quarters, axes=(1, 2))
        return turned[:, :, ::-1] if self.mirrored else turned

    def back(self, planes: Float) -> Float:
        """The inverse of ``of``."""
        return np.rot90(planes[:, :, ::-1] if self.mirrored else planes, -self.quarters, axes=(1, 2))

    def of_size(self, size: Size) -> Size:
        """The size of what a picture of ``size`` becomes."""
        return (size[1], size[0]) if self.quarters % 2 else size

    def of_rect(self, rect: Rect, size: Size) -> Rect:
        """Where ``rect`` of a picture of ``size`` comes to lie."""
        height, width = size
        for _ in range(self.quarters):
            rect = Rect(width - rect.left - rect.width, rect.top, rect.width, rect.height)
            height, width = width, height
        if self.mirrored:
            rect = Rect(rect.top, width - rect.left - rect.width, rect.height, rect.width)
        return rect


POSITIONS = tuple(Position(quarters, mirrored) for mirrored in (False, True) for quarters in range(4))
