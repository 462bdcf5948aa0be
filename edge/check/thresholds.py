"""Limits of a check beside those that each precision has (``edge.precisions``), each with its reason."""

from edge.precisions import Threshold

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
