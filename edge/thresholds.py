"""How far an artifact may be from fp32, per precision: one place, each number with its reason.

The README and docs/int8.md have the measurements. PSNR in dB at peak 1.0, differences in units of [0, 1].
"""

from dataclasses import dataclass

from edge.card import Precision


@dataclass(frozen=True)
class Threshold:
    """The least PSNR and SSIM against fp32, and the largest difference of any value."""

    psnr_db: float
    ssim: float
    max_abs: float


THRESHOLDS: dict[Precision, Threshold] = {
    # Only the order of additions differs: measured 122 to 144 dB and 1e-5.
    "fp32": Threshold(100.0, 0.999999, 1e-4),
    # 11 bits in every layer: measured 72 dB.
    "fp16": Threshold(55.0, 0.9995, 0.06),
    # Per-channel int8 weights over fp16 arithmetic.
    "int8-weights": Threshold(45.0, 0.995, 0.12),
    # Activations in 8 bits: measured 49 to 53 dB; 42 dB would lose 1 dB of a picture at 37.
    "int8": Threshold(42.0, 0.99, 0.20),
}
