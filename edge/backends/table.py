"""The back ends by name."""

from pathlib import Path
from typing import Literal

from edge.backends.backend import Program
from edge.backends.coreml.backend import CoreMLPrograms
from edge.backends.xnnpack.runtime import HostProgram
from edge.card import Card


def load_program(
    folder: Path,
    card: Card,
    arithmetic: Literal["exact", "fp16"] | None = None,
    compute_units: str = "all",
) -> Program:
    """The program of ``card`` in this process. ``arithmetic``: interpret a Core ML package with it;
    ``compute_units``: what Core ML itself may use."""
    if card.target != "xnnpack":
        return CoreMLPrograms(folder, card, arithmetic, compute_units)
    return HostProgram(folder / card.methods[0].program)
