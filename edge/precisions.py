"""Every precision, with all that is known of it: what it does to layers, and how far it may be from fp32.

Limits are compared with fp32: PSNR in dB at peak 1.0, differences in units of [0, 1], mean colours in steps
of 1/255. docs/results has the measurements.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from edge.card import Precision

BitWidth = Literal["float", "int8", "palette8", "palette6", "palette4", "palette3"]


@dataclass(frozen=True)
class Threshold:
    """The least PSNR and SSIM against fp32, the largest difference of any value, and in steps of 1/255 the
    largest difference of the mean colour of a 16x16 block, anywhere and in flat areas.

    An area that is off by one step cannot be told from its neighbour; by three, beside each other, it can.
    A mean over pictures hides both: 26 steps on pure blue cost 0.02 dB of Set5.
    """

    psnr_db: float
    ssim: float
    max_abs: float
    worst_block: float
    worst_flat: float


@dataclass(frozen=True)
class LayerThreshold:
    """How far a layer's weights may be from the checkpoint's, as a share of the largest weight of their
    output channel, and the least signal-to-error ratio of what the layer adds, in dB."""

    weight_error: float
    added_db: float


@dataclass(frozen=True)
class Numerics:
    """What a precision does and how exact it is.

    ``threshold``: of pictures. ``probes_db``: the least PSNR of every tile at each probe
    (``edge.check.probes``), at the probe's peak; features are unbounded: their peak is their largest
    magnitude; ``picture`` leaves room for the default halo, which changes what is seen by less than one 8-bit
    step (docs/format/tiling.md). ``layer``: None where no layer can be looked into.

    ``activations``: how they are rounded to 8 bits, None if they are not: by ranges from calibration
    (static), or by the range that each tile gives (dynamic quantization). ``palette``: the palette of large
    weights, None if they have none. ``widths``: what a mixed-precision config may choose for a layer, the
    width of those that it does not name first; empty where a precision has no config.
    """

    threshold: Threshold
    probes_db: Mapping[str, float]
    layer: LayerThreshold | None = None
    activations: Literal["static", "dynamic"] | None = None
    palette: BitWidth | None = None
    widths: tuple[BitWidth, ...] = ()


def _probes(*limits: float) -> dict[str, float]:
    return dict(zip(("input", "features", "colours", "tile", "picture"), limits, strict=True))


# Of thresholds, the last two leave room beyond what docs/results/worst-cases.md has: on a baseline's tiles,
# whose patches are smaller than those of the build's page of pure colours, int8 has 2.4 and 0.7, there 2.7
# (`pruned`, ×4) and 0.9. Weights differ by rounding alone: half a bit of 11 in fp16 with a fifth more; in
# int8 a few steps of 1/127, since a weight takes up its neighbours' errors (quantize/rounding.py). What a
# layer adds depends on its ranges, too: docs/design/layers.md has the measurements.
NUMERICS: dict[Precision, Numerics] = {
    # Only the order of additions differs: measured 122 to 144 dB and 1e-5.
    "fp32": Numerics(
        Threshold(100.0, 0.999999, 1e-4, 0.05, 0.05),
        _probes(140.0, 100.0, 100.0, 100.0, 60.0),
        LayerThreshold(1e-6, 90.0),
    ),
    # 11 bits in every layer: measured 72 dB.
    "fp16": Numerics(
        Threshold(55.0, 0.9995, 0.06, 0.5, 0.5),
        _probes(65.0, 50.0, 50.0, 55.0, 52.0),
        LayerThreshold(6e-4, 45.0),
    ),
    # Activations in 8 bits: measured 49 to 53 dB; 42 dB would lose 1 dB of a picture at 37. At ×4 one pixel
    # of the drawn screen, where two strokes of small text meet, is off by 0.201, its block by 2.1 of 255.
    # Core ML takes the input of its int8 programs in float16. One layer of the baseline has 15.5 dB on tiles
    # of pure colours, with the range of the least error; with another layer's scale it has less than 10.
    "int8": Numerics(
        Threshold(42.0, 0.99, 0.25, 3, 2),
        _probes(65.0, 40.0, 38.0, 42.0, 42.0),
        LayerThreshold(6e-2, 14.0),
        activations="static",
        widths=("int8", "float"),
    ),
    # Each activation in 8 bits of its own range: measured 52 to 61 dB, blocks off by 1.1.
    "int8-dynamic": Numerics(
        Threshold(45.0, 0.993, 0.15, 2, 1.5),
        _probes(140.0, 40.0, 38.0, 45.0, 44.0),
        activations="dynamic",
    ),
    # Per-channel int8 weights over fp16 arithmetic: measured 62 dB, blocks off by 0.6.
    "int8-weights": Numerics(
        Threshold(45.0, 0.995, 0.12, 2, 1.5),
        _probes(65.0, 35.0, 35.0, 45.0, 44.0),
        LayerThreshold(5e-3, 25.0),
    ),
    # 64 values per layer over fp16 arithmetic: measured 60 dB; rounded to the nearest value, 52. Blocks of
    # pure colours are off by 0.3, simulated. Weights take up their neighbours' errors here, too: those of
    # layers were 0.20 off, 0.49 in 4 bits and 0.94 all in 3; 36, 24 and 18 dB.
    "palette6": Numerics(
        Threshold(50.0, 0.99, 0.10, 2, 1.5),
        _probes(65.0, 35.0, 35.0, 50.0, 48.0),
        LayerThreshold(0.3, 25.0),
        palette="palette6",
    ),
    # 16 values per two channels: 43 dB measured when rounded to the nearest value. `pruned` has a block off
    # by 1.5 on the drawn screen, and 2.2 on flat colours if only pictures shape its palettes.
    "palette4": Numerics(
        Threshold(40.0, 0.95, 0.25, 3, 2),
        _probes(65.0, 25.0, 25.0, 40.0, 40.0),
        LayerThreshold(0.7, 18.0),
        palette="palette4",
    ),
    # At worst 8 values per two channels in every layer: measured 43 dB; simulated with `pruned`, a block of
    # the drawn screen is off by 3.2 and a flat colour by 1.6.
    "palette-mixed": Numerics(
        Threshold(36.0, 0.93, 0.40, 6, 4),
        _probes(65.0, 20.0, 20.0, 36.0, 36.0),
        LayerThreshold(1.3, 14.0),
        palette="palette6",
        widths=("palette6", "palette8", "palette4", "palette3", "float"),
    ),
}

# Those of whose layers a config can say the bit width, and those whose large weights have palettes.
CONFIGURABLE = tuple(name for name, numerics in NUMERICS.items() if numerics.widths)
PALETTIZED = tuple(name for name, numerics in NUMERICS.items() if numerics.palette is not None)

# The precision whose layers have palettes of their own bit widths: it needs a config.
MIXED: Precision = "palette-mixed"
