"""An artifact's pictures against the fp32 reference: how far apart, and whether that is near enough."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.card import Precision
from edge.metrics import max_abs, psnr, ssim
from edge.thresholds import THRESHOLDS, Threshold, after_rounding
from models.coordinates import axis_neighbours

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Comparison:
    """One picture against its reference. PSNR in dB at peak 1.0; NaN where a value was NaN."""

    name: str
    psnr_db: float
    ssim: float
    max_abs: float

    def failures(self, limit: Threshold) -> list[str]:
        """What left its threshold, in words; NaN always does."""
        found = []
        if not self.psnr_db >= limit.psnr_db:
            found.append(f"{self.name}: expected a PSNR of {limit.psnr_db:g} dB, found {self.psnr_db:.2f}")
        if not self.ssim >= limit.ssim:
            found.append(f"{self.name}: expected an SSIM of {limit.ssim:g}, found {self.ssim:.6f}")
        if not self.max_abs <= limit.max_abs:
            found.append(
                f"{self.name}: expected differences up to {limit.max_abs:g}, found {self.max_abs:.3g}"
            )
        return found


@dataclass(frozen=True)
class CheckResult:
    """All comparisons of a check, and what failed."""

    comparisons: tuple[Comparison, ...]
    threshold: Threshold
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether everything stayed within its threshold."""
        return not self.failures

    @property
    def overall(self) -> Comparison:
        """All pictures together: PSNR of the mean squared error, mean SSIM, largest difference."""
        mse = np.mean([10 ** (-c.psnr_db / 10) for c in self.comparisons])
        return Comparison(
            "all",
            math.inf if mse == 0 else -10 * math.log10(mse),  # NaN stays NaN
            float(np.mean([c.ssim for c in self.comparisons])),
            float(np.max([c.max_abs for c in self.comparisons])),
        )


def compare(name: str, sr: Float, reference: Float, lr_size: tuple[int, int]) -> Comparison:
    """Both pictures (3, H, W), as the programs gave them; clamped to [0, 1] before they are compared.

    Where the reference is ill-posed (see ``well_posed``) nothing is compared.
    """
    rows, columns = (
        well_posed(n_in, n_out) for n_in, n_out in zip(lr_size, reference.shape[1:], strict=True)
    )
    a, b = (picture[:, rows][:, :, columns].clip(0, 1) for picture in (sr, reference))
    return Comparison(name, psnr(a, b), ssim(a, b), max_abs(a, b))


def well_posed(n_in: int, n_out: int) -> NDArray[np.bool_]:
    """Output pixels of an axis, (n_out,), where the published blend is defined.

    Where an output pixel's centre is exactly that of the last LR pixel (×3: the last row but one), both
    neighbours are that pixel, at distance zero: all blending areas vanish, and upstream's weights are
    float rounding noise divided by itself (docs/forms.md).
    """
    defined: NDArray[np.bool_] = ~np.all(axis_neighbours(n_in, n_out).relative == 0, axis=0)
    return defined


def judge(comparisons: Iterable[Comparison], precision: Precision, eight_bit: bool = False) -> CheckResult:
    """The comparisons against the threshold of ``precision``; ``eight_bit``: of rounded pictures."""
    done: Sequence[Comparison] = tuple(comparisons)
    limit = after_rounding(THRESHOLDS[precision]) if eight_bit else THRESHOLDS[precision]
    return CheckResult(tuple(done), limit, tuple(f for c in done for f in c.failures(limit)))
