"""Devices inside this process: ExecuTorch's Python runtime, Core ML, and the interpreter of its programs."""

import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edge.backends.backend import Arithmetic, RuntimeOptions
from edge.backends.table import load_program
from edge.card_reader import read_card
from edge.devices.device import DeviceRun
from edge.errors import BadInput, MissingDependency

if TYPE_CHECKING:
    from models.arrays import Float


@dataclass(frozen=True)
class LocalDevice:
    """Runs artifacts of ``targets`` by the Python ``package``; ``system``: the only one it runs on, if any.

    ``arithmetic``: the interpreter's, see ``MILProgram``; None for the targets' own runtime.
    ``compute_units``: Core ML's, see ``CoreMLProgram``.
    """

    name: str
    needs: str
    targets: tuple[str, ...]
    package: str
    system: Literal["darwin"] | None = None
    arithmetic: Arithmetic | None = None
    compute_units: str = "all"

    def missing(self) -> str | None:
        """See ``Device``."""
        if find_spec(self.package) is None:
            return f"expected the package {self.package}, found none: pip install {self.package}"
        if self.system not in (None, sys.platform):
            return f"expected macOS, found {platform.system()}; coreml-interpreted runs anywhere"
        return None

    def run(self, folder: Path, method: str, inputs: "Sequence[Mapping[str, Float]]") -> DeviceRun:
        """See ``Device``; one run each, not warmed up. ``peak_mb`` is None: the process is shared."""
        absent = self.missing()
        if absent is not None:
            raise MissingDependency(f"{self.name}: {absent}")
        card = read_card(folder)
        if card.target not in self.targets:
            known = " or ".join(self.targets)
            raise BadInput(f"{self.name}: expected an artifact for {known}, found one for {card.target}")
        program = load_program(folder, card, RuntimeOptions(self.arithmetic, self.compute_units))
        outputs, times = [], []
        for each in inputs:
            start = time.perf_counter()
            outputs.append(program.run(method, each))
            times.append(1000 * (time.perf_counter() - start))
        about = {**program.about, "device": self.name}
        return DeviceRun(tuple(outputs), tuple(times), tuple(times), None, about)
