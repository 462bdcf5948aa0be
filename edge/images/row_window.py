"""Any rows of a picture in turn, of strips that come from top to bottom."""

from collections.abc import Iterable

import numpy as np

from edge.images.pixels import Samples


class RowWindow:
    """Rows out of ``strips``, (n, W, C) each; those above what was asked for last are forgotten."""

    def __init__(self, strips: Iterable[Samples]) -> None:
        self._strips = iter(strips)
        self._held = next(self._strips)
        self._top = 0

    def rows(self, top: int, bottom: int) -> Samples:
        """Rows [top, bottom), (bottom - top, W, C). ``top`` never falls from one call to the next."""
        held = [self._held[top - self._top :]]
        end = self._top + len(self._held)
        while end < bottom:
            held.append(next(self._strips))
            end += len(held[-1])
        self._held, self._top = held[0] if len(held) == 1 else np.concatenate(held), top
        return self._held[: bottom - top]
