"""Core ML packages, in folders of their own or inside a ``.pte``, as programs."""

import platform
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from edge.backends.coreml.delegate_reader import unpack_delegates
from edge.card import Card
from edge.errors import BadArtifact
from models.arrays import Float


class CoreMLPrograms:
    """The packages of a Core ML artifact, in folders or in a ``.pte``'s delegates: interpreted with
    ``arithmetic``, or by Core ML if it is None."""

    def __init__(
        self, folder: Path, card: Card, arithmetic: Literal["exact", "fp16"] | None, compute_units: str
    ) -> None:
        from edge.backends.coreml.mil_interpreter import MILProgram
        from edge.backends.coreml.runtime import CoreMLProgram

        runtime = "Core ML" if arithmetic is None else f"Core ML interpreted, {arithmetic} arithmetic"
        self.about = {"device": runtime, "processor": platform.machine(), "system": platform.system()}

        def load(package: Path) -> CoreMLProgram | MILProgram:
            return (
                CoreMLProgram(package, compute_units)
                if arithmetic is None
                else MILProgram(package, arithmetic)
            )

        self._names: dict[str, dict[str, str]] = {}  # of a delegate's inputs, by those of the card
        if card.target == "coreml":
            self._packages = {method.name: load(folder / method.program) for method in card.methods}
            return
        scratch = Path(tempfile.mkdtemp(prefix="liif-edge-"))
        weakref.finalize(self, shutil.rmtree, scratch)  # not earlier: Core ML may look at its package again
        delegates = unpack_delegates(folder / card.methods[0].program, scratch)
        expected = {method.name: len(method.inputs) for method in card.methods}
        found = {name: len(delegate.inputs) for name, delegate in delegates.items()}
        if found != expected:
            raise BadArtifact(f"{folder}: expected methods with inputs {expected}, found {found}")
        self._packages = {name: load(delegate.package) for name, delegate in delegates.items()}
        for method in card.methods:
            ours = [tensor.name for tensor in method.inputs]
            self._names[method.name] = dict(zip(ours, delegates[method.name].inputs, strict=True))

    def run(self, method: str, inputs: Mapping[str, Float]) -> Float:
        """The one output of the method's package."""
        names = self._names.get(method, {})
        named = {names.get(name, name): array for name, array in inputs.items()}
        (output,) = self._packages[method].run(named).values()
        return output
