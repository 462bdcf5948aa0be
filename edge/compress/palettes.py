"""What palettes are shaped by: samples of practice, and what they can hold at most."""

from collections.abc import Sequence

from models.arrays import Float

# Every third sample shapes palettes: of tiles, 27,000 positions for the 576 inputs of a layer, and 30,000 of
# the extremes.
PALETTE_SAMPLES = 3


def shaping_samples(practice: Sequence[Float], extremes: Sequence[Float]) -> list[Float]:
    """Some of ``practice``, and all ``extremes``: weights that are rounded for pictures alone put their
    errors where only saturated colours show them."""
    return [*practice[::PALETTE_SAMPLES], *extremes]
