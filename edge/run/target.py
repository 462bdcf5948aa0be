"""How large a picture is to become: by a factor, to a size, inside a box, or to a number of megapixels.

Each kind knows its size for a picture of any size, and a label that names of files can have.
"""

import math
from dataclasses import dataclass

from edge.errors import BadInput
from edge.recipe import check_scale
from edge.run.upscale import target_size

Size = tuple[int, int]  # height, width


@dataclass(frozen=True)
class ByFactor:
    """``factor`` times as wide and as high, 1 to 30. Raises BadInput for others."""

    factor: float = 2.0

    def __post_init__(self) -> None:
        check_scale(self.factor)

    def of(self, lr_size: Size) -> Size:
        """Rounded half to even."""
        return target_size(lr_size, self.factor)

    @property
    def label(self) -> str:
        """``2``, ``1.5``."""
        return f"{self.factor:g}"


@dataclass(frozen=True)
class ToSize:
    """``width`` and ``height`` in pixels; the one that is None keeps the ratio."""

    width: int | None
    height: int | None

    def of(self, lr_size: Size) -> Size:
        """The missing side is rounded half to even."""
        height, width = lr_size
        return (
            _in_ratio(height, self.width, width) if self.height is None else self.height,
            _in_ratio(width, self.height, height) if self.width is None else self.width,
        )

    @property
    def label(self) -> str:
        """``1920x``, ``x1080``, ``1920x1080``."""
        return f"{'' if self.width is None else self.width}x{'' if self.height is None else self.height}"


@dataclass(frozen=True)
class Inside:
    """The largest of the picture's ratio inside ``width`` times ``height`` pixels."""

    width: int
    height: int

    def of(self, lr_size: Size) -> Size:
        """One side is the box's, the other is rounded half to even."""
        height, width = lr_size
        if self.width * height <= self.height * width:
            return min(self.height, _in_ratio(height, self.width, width)), self.width
        return self.height, min(self.width, _in_ratio(width, self.height, height))

    @property
    def label(self) -> str:
        """``1920x1080``."""
        return f"{self.width}x{self.height}"


@dataclass(frozen=True)
class ToMegapixels:
    """The largest of the picture's ratio with at most so many million pixels, above 0, else BadInput."""

    megapixels: float

    def __post_init__(self) -> None:
        if not 0 < self.megapixels < math.inf:
            raise BadInput(f"expected megapixels above 0, found {self.megapixels:g}")

    def of(self, lr_size: Size) -> Size:
        """Both sides are rounded down."""
        height, width = lr_size
        factor = math.sqrt(self.megapixels * 1e6 / (height * width))
        return max(1, int(height * factor)), max(1, int(width * factor))

    @property
    def label(self) -> str:
        """``12MP``."""
        return f"{self.megapixels:g}MP"


Target = ByFactor | ToSize | Inside | ToMegapixels


def _in_ratio(side: int, other: int | None, other_side: int) -> int:
    """What ``side`` becomes when ``other_side`` becomes ``other``."""
    assert other is not None  # one side at least is given
    return max(1, round(side * other / other_side))
