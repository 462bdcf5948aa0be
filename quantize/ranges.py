"""Ranges of 8-bit activations, chosen from what calibration saw: all of it, nearly all, or the least error.

An activation's extremes are rare: an edge between black and white, once in a picture. A range that holds
them makes every step coarser, in smooth areas too, where it is seen.
"""

import math

import torch
from torch import Tensor

from quantize.spec import RangeMethod

BINS = 8192  # over both signs: 16 per 8-bit step of a range that keeps a quarter of what was seen
PERCENTILE = 0.99999  # of the values, on either side; at 0.9999 smooth pictures lose more
SHARES = [number / 40 for number in range(8, 41)]  # of the extremes, tried for the least error
STEPS = 255  # of 8 bits

# Values of one activation that are counted, evenly of all: counting all would be a fifth of a build.
COUNTED = 2**18

# Beyond it twice the value is no float32.
LARGEST_LIMIT = 2.0**127

# How much the extremes count beside the pictures: at 1 ranges hold all of a pure colour and photographs lose
# up to a fifth more, at 0.02 flat colours are off by 2.6 of 255, at 0.3 by 0.7 to 1.1 (docs/design/int8.md).
EXTREME_SHARE = 0.3

# How much inputs that hardly ever come count: checks of single pixels are then 4 of 255 off in place of
# 13. At 0.002 they are 3.3 off, and photographs lose 0.3 dB of their distance from fp32, at 0.1 2 dB
# (docs/design/int8.md).
RARE_SHARE = 0.001

# What a user's folder may make of the error on the built-in pictures and the extremes. Without a bound, a
# folder of checks costs photographs 0.1 dB and one of noise 0.03; with 1.03, noise or icons were still enough
# for a program that is refused, and with 1.01 pure colours cost 0.013 dB (docs/design/int8.md).
ADDED_ERROR = 1.005


class NonFinite(ValueError):
    """An activation is NaN or infinite: there is no range that holds it."""


class Histogram:
    """How often each value came, in constant memory: the range doubles when a larger value comes."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all values."""
        self.limit = 0.0  # bins cover [-limit, limit]
        self.counts = torch.zeros(BINS, dtype=torch.float64)
        self.low, self.high = 0.0, 0.0  # what was seen, zero included: it must have a code

    def add(self, values: Tensor) -> None:
        """Count ``values``, of many every nth. Raises NonFinite for NaN and infinity."""
        low, high = (float(v) for v in torch.aminmax(values))
        if not (abs(low) < float("inf") and abs(high) < float("inf")):
            raise NonFinite("expected finite activations, found NaN or infinity")
        self.low, self.high = min(self.low, low), max(self.high, high)
        peak = max(-self.low, self.high)
        if peak == 0.0:
            return
        if self.limit == 0.0:  # a power of two, so that histograms can be added up
            self.limit = min(2.0 ** math.frexp(peak)[1], LARGEST_LIMIT)
        while self.limit < min(peak, LARGEST_LIMIT):
            self.counts = _halve(self.counts)
            self.limit *= 2
        # An odd step, so that it meets every column of a tile whose side is even.
        counted = values.flatten()[:: values.numel() // COUNTED | 1].float()
        if peak > self.limit:
            counted = counted[counted.abs() <= self.limit]
        # The bins of torch.histc, which takes three times as long.
        bins = (counted / self.limit).add_(1).mul_(BINS // 2).int().clamp_(max=BINS - 1)
        self.counts += torch.bincount(bins, minlength=BINS)

    def mixed(self, other: "Histogram", share: float) -> "Histogram":
        """The frequencies of this one, and ``share`` times those of ``other``."""
        result = Histogram()
        result.limit = max(self.limit, other.limit)
        result.low, result.high = min(self.low, other.low), max(self.high, other.high)
        for histogram, weight in ((self, 1.0), (other, share)):
            counts, limit = histogram.counts, histogram.limit
            total = float(counts.sum())
            while total and limit < result.limit:
                counts, limit = _halve(counts), 2 * limit
            if total:
                result.counts += counts * (weight / total)
        return result

    def range(
        self, method: RangeMethod, clip_weight: float = 1.0, kept: "Histogram | None" = None
    ) -> tuple[float, float]:
        """(smallest, largest) value that gets a code of its own; larger ones are clipped.

        With the least error and ``kept``, the error of its values stays within ``ADDED_ERROR`` of the least
        that they can have. ``clip_weight``: see ``error``.
        """
        if method == "min-max" or not float(self.counts.sum()):
            return self.low, self.high
        return self._percentile() if method == "percentile" else self._least_error(clip_weight, kept)

    def error(self, low: float, high: float, clip_weight: float = 1.0) -> float:
        """The summed squared error of the values in ``STEPS`` from ``low`` to ``high``, clipped outside;
        that of clipped ones counts ``clip_weight`` times."""
        width = 2 * self.limit / BINS
        centres = (torch.arange(BINS, dtype=torch.float64) + 0.5) * width - self.limit
        step = (high - low) / STEPS
        clipped = (centres - centres.clamp(low, high)).square()
        rounded = torch.where(clipped == 0, step**2 / 12, clip_weight * clipped)
        return float((self.counts * rounded).sum())

    def _percentile(self) -> tuple[float, float]:
        share = self.counts.cumsum(0) / self.counts.sum()
        low = int((share < 1 - PERCENTILE).sum())
        high = int((share < PERCENTILE).sum()) + 1
        width = 2 * self.limit / BINS
        ends = (low * width - self.limit, high * width - self.limit)
        return min(max(ends[0], self.low), 0.0), max(min(ends[1], self.high), 0.0)

    def _least_error(self, clip_weight: float, kept: "Histogram | None") -> tuple[float, float]:
        """The shares of both extremes with the least mean squared error, searched in turn."""
        lows, highs = ([end * share for share in SHARES] for end in (self.low, self.high))
        low, high, allowed = self.low, self.high, 0.0
        if kept is not None:
            low, high = kept.range("mse", clip_weight)
            allowed = ADDED_ERROR * kept.error(low, high, clip_weight)
            lows, highs = [*lows, low], [*highs, high]

        def error(low: float, high: float) -> tuple[float, float]:
            beyond = 0.0 if kept is None else max(0.0, kept.error(low, high, clip_weight) - allowed)
            return beyond, self.error(low, high, clip_weight)

        for _ in range(2):
            high = min(highs, key=lambda end: error(low, end))
            low = min(lows, key=lambda end: error(end, high))
        return low, high


def always(pictures: Histogram, extremes: Histogram, rare: Histogram | None) -> Histogram:
    """What calibrates whatever a user adds: ``extremes`` and what is ``rare``, if that counts, by their
    shares."""
    mixed = pictures.mixed(extremes, EXTREME_SHARE)
    return mixed if rare is None else mixed.mixed(rare, RARE_SHARE)


def _halve(counts: Tensor) -> Tensor:
    """``counts`` over a limit as counts over twice that limit."""
    halved = torch.zeros_like(counts)
    halved[BINS // 4 : BINS // 4 + BINS // 2] = counts.view(-1, 2).sum(1)
    return halved


def coarser(scale: Tensor, bits: int) -> Tensor:
    """The smallest numbers of ``bits`` significant bits that are not below ``scale``, which is positive.

    Products of such a number and small integers are exact in float32, and so are sums of these in any order.
    """
    mantissa, exponent = torch.frexp(scale)
    return torch.ldexp((mantissa * 2**bits).ceil(), exponent - bits)


def least_error_scales(weight: Tensor, steps: int) -> Tensor:
    """The symmetric scale of each row of ``weight`` (rows, n), in ``steps`` either side, with the least
    squared error: (rows,)."""
    peaks = weight.abs().amax(1)
    best, least = peaks / steps, torch.full_like(peaks, float("inf"))
    for share in (number / 50 for number in range(25, 51)):
        scale = (peaks * share / steps).clamp_min(torch.finfo(torch.float32).tiny)
        rounded = (weight / scale[:, None]).round().clamp(-steps, steps) * scale[:, None]
        error = (rounded - weight).square().sum(1)
        best, least = torch.where(error < least, scale, best), torch.minimum(error, least)
    return best
