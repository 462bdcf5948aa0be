"""The packages of a Core ML artifact, in folders of their own or inside a ``.pte``, run by their methods."""

import platform
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path

from edge.backends.backend import RuntimeOptions
from edge.backends.coreml.delegate_reader import unpack_delegates
from edge.backends.coreml.mil_interpreter import MILProgram
from edge.backends.coreml.runtime import CoreMLProgram
from edge.card import ArtifactCard
from edge.errors import BadArtifact
from models.arrays import Float


class CoreMLPrograms:
    """The packages of an artifact, run by Core ML or by its interpreter as ``options`` say. ``delegates``:
    they are the delegates of a ``.pte``."""

    def __init__(self, folder: Path, card: ArtifactCard, options: RuntimeOptions, delegates: bool) -> None:
        arithmetic = options.arithmetic
        runtime = "Core ML" if arithmetic is None else f"Core ML interpreted, {arithmetic} arithmetic"
        self.about = {"device": runtime, "processor": platform.machine(), "system": platform.system()}

        def load(package: Path) -> CoreMLProgram | MILProgram:
            if arithmetic is None:
                return CoreMLProgram(package, options.compute_units)
            return MILProgram(package, arithmetic)

        self._names: dict[str, dict[str, str]] = {}  # of a delegate's inputs, by those of the card
        if not delegates:
            self._packages = {method.name: load(folder / method.program) for method in card.methods}
            return
        scratch = Path(tempfile.mkdtemp(prefix="liif-edge-"))
        weakref.finalize(self, shutil.rmtree, scratch)  # not earlier: Core ML may look at its package again
        unpacked = unpack_delegates(folder / card.methods[0].program, scratch)
        expected = {method.name: len(method.inputs) for method in card.methods}
        found = {name: len(delegate.inputs) for name, delegate in unpacked.items()}
        if found != expected:
            raise BadArtifact(f"{folder}: expected methods with inputs {expected}, found {found}")
        self._packages = {name: load(delegate.package) for name, delegate in unpacked.items()}
        for method in card.methods:
            ours = [tensor.name for tensor in method.inputs]
            self._names[method.name] = dict(zip(ours, unpacked[method.name].inputs, strict=True))

    def run(self, method: str, inputs: Mapping[str, Float]) -> Float:
        """The one output of the method's package."""
        names = self._names.get(method, {})
        named = {names.get(name, name): array for name, array in inputs.items()}
        (output,) = self._packages[method].run(named).values()
        return output
