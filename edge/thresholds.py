"""How far an artifact may be from fp32, per precision: one place, each number with its reason.

docs/accuracy.md has the measurements. PSNR in dB at peak 1.0, differences in units of [0, 1].
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
    # Only the order of additions differs: measured 120 dB and 1e-6; a wrong weight costs 40 dB.
    "fp32": Threshold(100.0, 0.999999, 1e-4),
    # 11 bits in every layer: measured 66 to 70 dB.
    "fp16": Threshold(55.0, 0.9995, 0.06),
    # Per-channel int8 weights over fp16 arithmetic.
    "int8-weights": Threshold(45.0, 0.995, 0.12),
    # Activations in 8 bits: measured 48 to 55 dB, so the loss at a picture's 38 dB stays below 0.3 dB.
    "int8": Threshold(42.0, 0.99, 0.20),
}
