"""An artifact's pictures against the fp32 reference: how far apart, and whether that is near enough."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge.card import Precision
from edge.check.thresholds import after_rounding
from edge.images.metrics import BLOCK, block_errors, max_abs, psnr, psnr_of_all, ssim
from edge.precisions import NUMERICS, Threshold
from models.arrays import Float
from models.liif.coordinates import well_posed

Item = TypeVar("Item")

NO_AREA = -1.0  # stands for the error of a block that is not looked at: errors are not negative

WORST_HEADER = ("worst", "in", "at", "found", "threshold")

FLAT_MARGIN = 2  # LR pixels: what a neighbouring colour changes beyond them, it changes in fp32, too


@dataclass(frozen=True)
class Comparison:
    """One picture against its reference. PSNR in dB at peak 1.0; NaN where a value was NaN.

    ``worst_block``: of all blocks of 16x16 pixels the largest difference of mean colour, in steps of 1/255;
    ``worst_flat``: of the blocks around which the input has one colour, 0 if there are none. ``block_at``,
    ``flat_at``: (row, column) of their first pixel in the output; None if there are none.
    """

    name: str
    psnr_db: float
    ssim: float
    max_abs: float
    worst_block: float = 0.0
    worst_flat: float = 0.0
    block_at: tuple[int, int] | None = None
    flat_at: tuple[int, int] | None = None

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
class WorstCase:
    """The worst of all pictures by one ``measure``: a whole ``picture``, in dB; or the mean colour of a
    ``block`` of 16x16 pixels anywhere or where the input is ``flat``, in steps of 1/255.

    ``at``: (row, column) of the block's first pixel, None for a picture.
    """

    measure: Literal["picture", "block", "flat"]
    name: str
    at: tuple[int, int] | None
    found: float
    limit: float

    @property
    def passed(self) -> bool:
        """Whether it is within its limit; NaN never is."""
        return self.found >= self.limit if self.measure == "picture" else self.found <= self.limit

    @property
    def row(self) -> list[str]:
        """For a table under ``WORST_HEADER``."""
        if self.at is None:
            return ["picture", self.name, "", f"{self.found:.2f} dB", f"≥ {self.limit:g}"]
        what = "block of 16x16" if self.measure == "block" else "flat area"
        place = f"row {self.at[0]}, column {self.at[1]}"
        return [what, self.name, place, f"{self.found:.2f} of 255", f"≤ {self.limit:g}"]


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
    def worst_cases(self) -> tuple[WorstCase, ...]:
        """The worst picture, block and flat area; the last one only if an input has one."""
        picture, block, flat = self._worst_picture, self._worst_block, self._worst_flat
        limit = self.threshold
        cases = (
            WorstCase("picture", picture.name, None, picture.psnr_db, limit.psnr_db),
            WorstCase("block", block.name, block.block_at, block.worst_block, limit.worst_block),
            WorstCase("flat", flat.name, flat.flat_at, flat.worst_flat, limit.worst_flat),
        )
        return cases if flat.flat_at is not None else cases[:2]

    @property
    def overall(self) -> Comparison:
        """All pictures together: PSNR of the mean squared error, mean SSIM, largest difference, worst
        areas."""
        block, flat = self._worst_block, self._worst_flat
        return Comparison(
            "all",
            psnr_of_all(c.psnr_db for c in self.comparisons),
            float(np.mean([c.ssim for c in self.comparisons])),
            float(np.max([c.max_abs for c in self.comparisons])),
            *(block.worst_block, flat.worst_flat, block.block_at, flat.flat_at),
        )

    @property
    def _worst_picture(self) -> Comparison:
        return worst_of(self.comparisons, lambda c: -c.psnr_db)

    @property
    def _worst_block(self) -> Comparison:
        return worst_of(self.comparisons, lambda c: c.worst_block)

    @property
    def _worst_flat(self) -> Comparison:
        flat = [c for c in self.comparisons if c.flat_at is not None]
        return worst_of(flat or self.comparisons, lambda c: c.worst_flat)


def worst_of(items: Iterable[Item], error: Callable[[Item], float]) -> Item:
    """The first with the largest ``error``; one with NaN before all others."""
    return max(items, key=lambda item: math.inf if math.isnan(error(item)) else error(item))


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
    flat = np.where(_is_flat(lr, reference.shape[1:], top, left), errors, np.float32(NO_AREA))
    worst_block, block_at = _worst_area(errors, top, left)
    worst_flat, flat_at = _worst_area(flat, top, left)
    return Comparison(
        *(name, psnr(a, b), ssim(a, b), max_abs(a, b)), worst_block, worst_flat, block_at, flat_at
    )


def _worst_area(
    errors: Float, top: NDArray[np.int64], left: NDArray[np.int64]
) -> tuple[float, tuple[int, int] | None]:
    """The largest of the ``errors`` (R, C) of blocks that start at ``top`` (R,) and ``left`` (C,), and where;
    the first NaN, if there is one. 0 and None if all are ``NO_AREA``."""
    row, column = np.unravel_index(errors.argmax(), errors.shape)
    worst = float(errors[row, column])
    return (0.0, None) if worst == NO_AREA else (worst, (int(top[row]), int(left[column])))


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


def judge(comparisons: Iterable[Comparison], precision: Precision, eight_bit: bool = False) -> CheckResult:
    """The comparisons against the threshold of ``precision``; ``eight_bit``: of rounded pictures."""
    done: Sequence[Comparison] = tuple(comparisons)
    limit = after_rounding(NUMERICS[precision].threshold) if eight_bit else NUMERICS[precision].threshold
    return CheckResult(tuple(done), limit, tuple(f for c in done for f in c.failures(limit)))
