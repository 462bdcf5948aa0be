"""EXIF's orientation: how stored rows and columns become an upright picture."""

from typing import Any, NamedTuple, TypeVar

import numpy as np

Sample = TypeVar("Sample", np.uint8, np.uint16)


class Turn(NamedTuple):
    """Rows and columns change places, or not; then rows, then columns are reversed, or not."""

    transposed: bool
    upside_down: bool
    mirrored: bool


TURNS = {
    1: Turn(False, False, False),
    2: Turn(False, False, True),
    3: Turn(False, True, True),
    4: Turn(False, True, False),
    5: Turn(True, False, False),
    6: Turn(True, False, True),
    7: Turn(True, True, True),
    8: Turn(True, True, False),
}


def turn_samples(samples: np.ndarray[Any, np.dtype[Sample]], turn: Turn) -> np.ndarray[Any, np.dtype[Sample]]:
    """A view of ``samples`` (H, W, C), upright."""
    turned = samples.swapaxes(0, 1) if turn.transposed else samples
    return turned[:: -1 if turn.upside_down else 1, :: -1 if turn.mirrored else 1]


def turn_image(image: Any, turn: Turn) -> Any:
    """The same for an image of libvips."""
    turned = image.rot90().fliphor() if turn.transposed else image
    turned = turned.flipver() if turn.upside_down else turned
    return turned.fliphor() if turn.mirrored else turned
