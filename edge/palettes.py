"""Palettes by bit width: how many values a layer's weights may take."""

from torch import Tensor

from edge.precisions import BitWidth
from quantize.palette import Palette

# Elements up to which a weight stays fp16: together such weights are a fraction of a percent of the
# network, and among them are its first and its last layer, where 8 bits would show most.
SMALLEST_COMPRESSED = 2048

# A palette for a whole layer, or for every two channels: 16 values for a whole layer are 9 dB worse, and 8
# twice as much loss.
PALETTES: dict[BitWidth, Palette] = {
    "palette8": Palette(8, None),
    "palette6": Palette(6, None),
    "palette4": Palette(4, 2),
    "palette3": Palette(3, 2),
}


def palette_of(width: BitWidth, weight: Tensor) -> Palette:
    """The palette of ``width`` for a layer's ``weight``, (out, ...); one for all if they are odd."""
    palette = PALETTES[width]
    fits = palette.channels is None or len(weight) % palette.channels == 0
    return palette if fits else Palette(palette.bits, None)
