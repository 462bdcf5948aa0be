"""How far an artifact may be from fp32, per precision: one place, each number with its reason.

docs/results/ and docs/design/int8.md have the measurements. PSNR in dB at peak 1.0, differences in units of
[0, 1].
"""

from dataclasses import dataclass

from edge.card import Precision


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


# The last two of a row leave room beyond what docs/results/worst-cases.md has: on a baseline's tiles, whose
# patches are smaller than those of the build's page of pure colours, int8 has 2.4 and 0.7, there 1.9 and 0.8.
THRESHOLDS: dict[Precision, Threshold] = {
    # Only the order of additions differs: measured 122 to 144 dB and 1e-5.
    "fp32": Threshold(100.0, 0.999999, 1e-4, 0.05, 0.05),
    # 11 bits in every layer: measured 72 dB.
    "fp16": Threshold(55.0, 0.9995, 0.06, 0.5, 0.5),
    # Per-channel int8 weights over fp16 arithmetic: measured 62 dB, blocks off by 0.6.
    "int8-weights": Threshold(45.0, 0.995, 0.12, 2, 1.5),
    # 64 values per layer over fp16 arithmetic: measured 60 dB; rounded to the nearest value, 52. Blocks of
    # pure colours are off by 0.3, simulated.
    "palette6": Threshold(50.0, 0.99, 0.10, 2, 1.5),
    # 16 values per two channels: 43 dB measured when rounded to the nearest value. `fast` has a block off by
    # 1.5 on the drawn screen, and 2.2 on flat colours if only pictures shape its palettes.
    "palette4": Threshold(40.0, 0.95, 0.25, 3, 2),
    # At worst 8 values per two channels in every layer: measured 43 dB; simulated with `fast`, a block of the
    # drawn screen is off by 3.2 and a flat colour by 1.6.
    "palette-mixed": Threshold(36.0, 0.93, 0.40, 6, 4),
    # Each activation in 8 bits of its own range: measured 53 to 60 dB, blocks off by 0.6.
    "int8-dynamic": Threshold(45.0, 0.993, 0.15, 2, 1.5),
    # Activations in 8 bits: measured 49 to 53 dB; 42 dB would lose 1 dB of a picture at 37. At ×4 one pixel
    # of the drawn screen, where two strokes of small text meet, is off by 0.201, its block by 2.1 of 255.
    "int8": Threshold(42.0, 0.99, 0.25, 3, 2),
}

# A picture of 8 bits: rounding alone costs (1/255)²/12, 58.9 dB, and half a step.
EIGHT_BIT = Threshold(57.0, 0.99, 0.5 / 255 + 1e-4, 0.5, 0.5)


def after_rounding(limit: Threshold) -> Threshold:
    """``limit`` for outputs that were rounded to 8 bits before they were compared."""
    return Threshold(
        min(limit.psnr_db, EIGHT_BIT.psnr_db),
        min(limit.ssim, EIGHT_BIT.ssim),
        limit.max_abs + EIGHT_BIT.max_abs,
        limit.worst_block + EIGHT_BIT.worst_block,
        limit.worst_flat + EIGHT_BIT.worst_flat,
    )


# The least PSNR of every tile at each stage (``edge.check.stages``), in dB at the stage's peak. Features are
# unbounded: their peak is their largest magnitude. ``picture`` leaves room for the default halo, which
# changes what is seen by less than one 8-bit step (docs/format/tiling.md).
STAGE_PSNR_DB: dict[Precision, dict[str, float]] = {
    "fp32": {"input": 140.0, "features": 100.0, "colours": 100.0, "tile": 100.0, "picture": 60.0},
    "fp16": {"input": 65.0, "features": 50.0, "colours": 50.0, "tile": 55.0, "picture": 52.0},
    "int8-weights": {"input": 65.0, "features": 35.0, "colours": 35.0, "tile": 45.0, "picture": 44.0},
    "palette6": {"input": 65.0, "features": 35.0, "colours": 35.0, "tile": 50.0, "picture": 48.0},
    "palette4": {"input": 65.0, "features": 25.0, "colours": 25.0, "tile": 40.0, "picture": 40.0},
    "palette-mixed": {"input": 65.0, "features": 20.0, "colours": 20.0, "tile": 36.0, "picture": 36.0},
    "int8-dynamic": {"input": 140.0, "features": 40.0, "colours": 38.0, "tile": 45.0, "picture": 44.0},
    # Core ML takes the input of its int8 programs in float16.
    "int8": {"input": 65.0, "features": 40.0, "colours": 38.0, "tile": 42.0, "picture": 42.0},
}


@dataclass(frozen=True)
class LayerThreshold:
    """How far a layer's weights may be from the checkpoint's, as a share of the largest weight of their
    output channel, and the least signal-to-error ratio of what the layer adds, in dB."""

    weight_error: float
    added_db: float


# Of an int8 layer's output: half a step of rounding, and as much again for XNNPACK's fixed point and for the
# bias, which int8 programs hold in steps of input times weight.
KERNEL_STEPS = 1.0

# How much more error a range may make than the best one does on what calibrates every program, in dB: if it
# is narrower, and if it is wider. Programs of the built-in pictures have 0.0, and three quarters of a range
# cost 1.3 and more (docs/design/layers.md). What a user adds may reach farther: by a quarter at 2 dB.
NARROW_EXCESS_DB = 1.0
WIDE_EXCESS_DB = 2.0

# How far what calibrates every program may come in a range that has to hold everything, as the picture's and
# the first layer's do. It is 1 at most, unless training moved the layer after its range was chosen.
WHOLE_REACH = 1.05

# Steps between where a range starts and where it has to: at zero after a ReLU, at black for the picture. A
# zero point is off by one at least; scales in fp16, as Core ML has them, move the start by a twentieth.
RANGE_SHIFT = 0.5

# Weights differ by rounding alone: half a bit of 11 in fp16 with a fifth more; in int8 a few steps of 1/127,
# since a weight takes up its neighbours' errors (quantize/rounding.py). What a layer adds depends on its
# ranges, too: docs/design/layers.md has the measurements.
LAYERS: dict[Precision, LayerThreshold] = {
    "fp32": LayerThreshold(1e-6, 90.0),
    "fp16": LayerThreshold(6e-4, 45.0),
    "int8-weights": LayerThreshold(5e-3, 25.0),
    # Weights take up their neighbours' errors here, too: measured 0.20, 0.49 and, all in 3 bits, 0.94; 36, 24
    # and 18 dB.
    "palette6": LayerThreshold(0.3, 25.0),
    "palette4": LayerThreshold(0.7, 18.0),
    "palette-mixed": LayerThreshold(1.3, 14.0),
    "int8": LayerThreshold(6e-2, 18.0),
}
