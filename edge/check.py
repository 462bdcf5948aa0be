"""An artifact's pictures against the fp32 reference: how far apart, and whether that is near enough."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.card import Precision
from edge.metrics import BLOCK, block_errors, max_abs, psnr, ssim
from edge.thresholds import THRESHOLDS, Threshold, after_rounding
from models.coordinates import axis_neighbours

Float = NDArray[np.float32]

FLAT_MARGIN = 2  # LR pixels: what a neighbouring colour changes beyond them, it changes in fp32, too


@dataclass(frozen=True)
class Comparison:
    """One picture against its reference. PSNR in dB at peak 1.0; NaN where a value was NaN.

    ``worst_block``: of all blocks of 16x16 pixels the largest difference of mean colour, in steps of 1/255;
    ``worst_flat``: of the blocks around which the input has one colour, 0 if there are none.
    """

    name: str
    psnr_db: float
    ssim: float
    max_abs: float
    worst_block: float = 0.0
    worst_flat: float = 0.0

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
        if not self.worst_block <= limit.worst_block:
            found.append(
                f"{self.name}: expected the mean colour of every 16x16 block within {limit.worst_block:g} of "
                f"255, found {self.worst_block:.2f}"
            )
        if not self.worst_flat <= limit.worst_flat:
            found.append(
                f"{self.name}: expected flat areas within {limit.worst_flat:g} of 255, found "
                f"{self.worst_flat:.2f}"
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
            float(np.max([c.worst_block for c in self.comparisons])),
            float(np.max([c.worst_flat for c in self.comparisons])),
        )


def compare(name: str, sr: Float, reference: Float, lr: Float) -> Comparison:
    """Both pictures (3, H, W), as the programs gave them for ``lr`` (3, h, w); clamped to [0, 1] before they
    are compared.

    Where the reference is ill-posed (see ``well_posed``) nothing is compared.
    """
    rows, columns = (
        well_posed(n_in, n_out) for n_in, n_out in zip(lr.shape[1:], reference.shape[1:], strict=True)
    )
    a, b = (picture[:, rows][:, :, columns].clip(0, 1) for picture in (sr, reference))
    defined = rows[:, None] & columns
    shown = (np.where(defined, picture.clip(0, 1), np.float32(0)) for picture in (sr, reference))
    top, left, errors = block_errors(*shown)
    flat = errors[_is_flat(lr, reference.shape[1:], top, left)]
    return Comparison(
        *(name, psnr(a, b), ssim(a, b), max_abs(a, b)),
        float(errors.max()),
        float(flat.max()) if flat.size else 0.0,
    )


def _is_flat(
    lr: Float, size: tuple[int, ...], top: NDArray[np.int64], left: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Which of the blocks that start at ``top`` (R,) and ``left`` (C,) of a picture of ``size`` (H, W) have
    one colour of ``lr`` under them and ``FLAT_MARGIN`` around them: (R, C)."""
    spans = [
        [
            (
                max(0, start * n_in // n_out - FLAT_MARGIN),
                -(-min(n_out, start + BLOCK) * n_in // n_out) + FLAT_MARGIN,
            )
            for start in starts
        ]
        for starts, n_in, n_out in zip((top, left), lr.shape[1:], size, strict=True)
    ]
    return np.array(
        [[not np.ptp(lr[:, a:b, c:d], axis=(1, 2)).any() for c, d in spans[1]] for a, b in spans[0]]
    )


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
