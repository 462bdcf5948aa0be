"""Whether the int8 ranges of a program hold what fp32 has in their place: how much lies outside, how far, and
whether another range would serve better."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from edge.backends.backend import LayerCall, Steps
from edge.check.reference_layers import ReferenceCall
from edge.check.thresholds import NARROW_EXCESS_DB, RANGE_SHIFT, WHOLE_REACH, WIDE_EXCESS_DB
from models.liif.int8_form import DARKEST, HEAD, INT8_RULES
from quantize.graph import module_path
from quantize.ranges import Histogram, always

Activation = Literal["input", "output"]

# What is looked at: the pictures that are checked and a page of pure colours; and of what calibrates every
# program, whatever a user adds, the pictures, the extremes, and patterns if the network holds them.
Source = Literal["pictures", "colours", "calibration", "extremes", "patterns"]

# Those of calibration.
CALIBRATING: tuple[Source, ...] = ("calibration", "extremes", "patterns")


@dataclass(frozen=True)
class Extent:
    """``clipped``: the share of values that lie outside the range. ``reach``: how far the values come, in
    widths of the range: at 1 they just fit, at 1.38 the farthest lies 0.38 widths beyond an end."""

    clipped: float
    reach: float

    @property
    def cell(self) -> str:
        """For a table."""
        return f"{self.reach:.2f}x, {100 * self.clipped:.2g} %"


@dataclass(frozen=True)
class RangeFit:
    """How the range of an int8 ``activation`` fits what fp32 has there.

    ``excess_db``: the mean squared error that the range makes, rounding and clipping, over that of the range
    which calibration chooses, both on what calibrates every such range; ``width``: in widths of that range.
    ``reach``: how far the same values come, if the range has to hold all of them, else None; patterns are no
    part of them then. ``shift``: by how many steps the range starts too high, None where it is not known
    beforehand where it has to start.
    """

    activation: Activation
    pictures: Extent
    colours: Extent
    excess_db: float
    width: float
    reach: float | None
    shift: float | None

    @property
    def is_wrong(self) -> bool:
        """Whether the range leaves its limits."""
        clips = self.reach is not None and self.reach > WHOLE_REACH
        limit_db = NARROW_EXCESS_DB if self.width < 1 else WIDE_EXCESS_DB
        return clips or self._is_shifted or self.excess_db > limit_db

    @property
    def _is_shifted(self) -> bool:
        return self.shift is not None and abs(self.shift) > RANGE_SHIFT

    @property
    def in_words(self) -> str:
        """What lies outside, and what is wrong with the range, if anything."""
        if self._is_shifted:
            return f"the range of its {self.activation} starts {self.shift:+.2f} steps from where it has to"
        found = " and ".join(
            f"{extent.reach:.2f}x on {where} ({100 * extent.clipped:.2g} % outside)"
            for where, extent in (("pure colours", self.colours), ("the pictures", self.pictures))
        )
        return (
            f"its {self.activation} reaches {found} of an int8 range that is {self.width:.2f} times as wide "
            f"as the best, with {self.excess_db:.1f} dB more error"
        )


@dataclass(frozen=True)
class Known:
    """What is known of a range without calibration: where it has to start, if that is; and whether it has to
    be ``whole``, so that nothing is clipped."""

    start: float | None = None
    whole: bool = False


class Activations:
    """What fp32 has in the place of an int8 activation whose codes are ``steps``; ``clip_weight``: of the
    method that it is part of."""

    def __init__(self, activation: Activation, steps: Steps, known: Known, clip_weight: float = 1.0) -> None:
        self._activation: Activation = activation
        self._steps, self._known, self._clip_weight = steps, known, clip_weight
        self._tallies = {source: _Tally(steps) for source in get_args(Source)}
        self._seen = {source: Histogram() for source in CALIBRATING}

    def add(self, values: Tensor, source: Source) -> None:
        """Raises NonFinite for NaN and infinity."""
        self._tallies[source].add(values)
        if source in self._seen:
            self._seen[source].add(values)

    def fit(self) -> RangeFit:
        """Over everything that was added."""
        whole = self._known.whole
        seen = always(
            self._seen["calibration"], self._seen["extremes"], None if whole else self._seen["patterns"]
        )
        low, high = seen.range("min-max" if whole else "mse", self._clip_weight)
        own, best = (
            seen.error(*ends, self._clip_weight)
            for ends in ((self._steps.low, self._steps.high), (low, high))
        )
        is_silent = low == high  # nothing but zero, which every range holds
        start, extents = self._known.start, {source: t.extent() for source, t in self._tallies.items()}
        return RangeFit(
            self._activation,
            extents["pictures"],
            extents["colours"],
            0.0 if is_silent else 10 * math.log10(own / best),
            1.0 if is_silent else (self._steps.high - self._steps.low) / (high - low),
            max(extents["calibration"].reach, extents["extremes"].reach) if whole else None,
            None if start is None else (self._steps.low - start) / self._steps.size,
        )


class CallRanges:
    """The int8 ranges of one call of a layer: that of its output, and of an input that no layer made;
    ``clip_weight``: of the method that calls it."""

    def __init__(self, expected: ReferenceCall, found: LayerCall, clip_weight: float) -> None:
        self.layer, self._relu = expected.layer, found.relu
        self._input = self._output = None
        if found.reads is not None:
            self._input = Activations("input", found.reads, _known_input(expected), clip_weight)
        if found.steps is not None:
            known = Known(0.0 if found.relu else None, whole=expected.layer == HEAD)
            self._output = Activations("output", found.steps, known, clip_weight)

    def add(self, expected: ReferenceCall, source: Source) -> None:
        """What fp32 has there. Raises NonFinite for NaN and infinity."""
        if self._input is not None:
            self._input.add(expected.given, source)
        if self._output is not None:
            self._output.add(expected.made.relu() if self._relu else expected.made, source)

    def fits(self) -> list[RangeFit]:
        """Of the input and of the output, where they are in int8."""
        return [held.fit() for held in (self._input, self._output) if held is not None]


def _known_input(expected: ReferenceCall) -> Known:
    if expected.layer == HEAD:
        return Known(DARKEST, whole=True)
    rectified = expected.giver.target is torch.ops.aten.relu.default
    return Known(0.0 if rectified else None, whole=module_path(expected.giver) in INT8_RULES.min_max_layers)


class _Tally:
    """How many values lie outside ``steps``, and how far."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._beyond, self._outside, self._count = -math.inf, 0, 0

    def add(self, values: Tensor) -> None:
        steps, half = self._steps, self._steps.size / 2  # half a step is rounding, at the ends, too
        beyond = (values - steps.high).maximum(steps.low - values)
        self._beyond = max(self._beyond, float(beyond.max()))
        self._outside += int((beyond > half).sum())
        self._count += values.numel()

    def extent(self) -> Extent:
        width = self._steps.high - self._steps.low
        reach = 1 + self._beyond / width  # of no values: minus infinity
        return Extent(self._outside / max(1, self._count), reach)
