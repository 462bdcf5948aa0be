"""What every back end gives: a program to run, and the calls of its layers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from models.arrays import Float


@dataclass(frozen=True)
class Steps:
    """What an int8 output can be: multiples of ``size`` between two values, in the layer's own units."""

    size: float
    low: float
    high: float


@dataclass(frozen=True)
class LayerCall:
    """What a program's layer was ``given`` and ``made`` of it, after a ReLU if ``relu``, in ``steps`` if it
    is in int8; ``weight``: in float, as the program holds it. Shapes as PyTorch has them.

    ``reads``: the steps of an int8 input that no other layer has made as it is; ``source``: what was rounded
    to it, where the program shows that.
    """

    weight: Tensor
    given: Tensor
    made: Tensor
    relu: bool = False
    steps: Steps | None = None
    reads: Steps | None = None
    source: Tensor | None = None


class Program(Protocol):
    """What a device loads: named methods that take and give float32 arrays. ``about``: where, in words."""

    about: dict[str, str]

    def run(self, method: str, inputs: Mapping[str, Float]) -> Float:
        """The output of ``method`` for these named inputs."""
        ...
