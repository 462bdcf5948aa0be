"""Measures for JSON, which knows neither infinity (equal pictures) nor NaN (a program that gave NaN)."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any


def finite(measures: Any) -> dict[str, object]:
    """The fields of a dataclass, as ``finite_values`` has them."""
    return finite_values(asdict(measures))


def finite_values(values: Mapping[str, object]) -> dict[str, object]:
    """``values``, and None for infinity and NaN."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}
