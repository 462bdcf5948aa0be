"""What static quantisation can be told: plain values, which a recipe holds without PyTorch."""

from dataclasses import dataclass
from typing import Literal

RangeMethod = Literal["min-max", "percentile", "mse"]


@dataclass(frozen=True)
class StaticSpec:
    """How ranges and codes are chosen; docs/design/int8.md has why the defaults are what they are.

    ``activations``: the range of everything seen, of all but 1 in 100,000 values, or the one with the
    least error. ``weights``: each channel's scale from its largest weight, or the one with the least error.
    ``rounding``: of each weight by itself, or with its error put on those that follow.
    ``bias_correction``: take the mean error that rounding makes off the bias.
    """

    activations: RangeMethod = "mse"
    weights: Literal["min-max", "mse"] = "min-max"
    rounding: Literal["nearest", "gptq"] = "gptq"
    bias_correction: bool = False


DEFAULT = StaticSpec()

# What PT2E's observers do by themselves.
PLAIN = StaticSpec("min-max", "min-max", "nearest")
