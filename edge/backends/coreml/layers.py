"""The layers of a Core ML package, as its interpreter runs them."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge.backends.backend import LayerCall, Steps
from edge.backends.coreml.mil_interpreter import MILLayer, MILProgram, MILRounding


class MILLayers:
    """An ``.mlpackage``, layer by layer, in fp16 arithmetic where the program calls it that."""

    def __init__(self, package: Path) -> None:
        self._program = MILProgram(package, "fp16")

    def run(self, inputs: Mapping[str, NDArray[np.float32]], take: Callable[[LayerCall], None]) -> None:
        """Has ``take`` called for every call of a layer, in the program's order: what it made, and in int8
        programs the rounded value of that."""
        layers = self._program.layers()
        sources = {layer.reads.source for layer in layers if layer.reads is not None}
        wanted = {layer.given for layer in layers} | {layer.made for layer in layers} | sources
        values = {name: torch.from_numpy(array) for name, array in inputs.items() if name in wanted}
        waiting = iter(layers)
        layer = next(waiting, None)

        def observe(name: str, value: Tensor) -> None:
            nonlocal layer
            if name in wanted:
                values[name] = value
            while layer is not None and layer.made in values:
                take(_call(layer, values))
                layer = next(waiting, None)

        self._program.run(inputs, observe)


def _call(layer: MILLayer, values: Mapping[str, Tensor]) -> LayerCall:
    return LayerCall(
        layer.weight,
        values[layer.given],
        values[layer.made],
        layer.relu,
        _steps(layer.rounding),
        _steps(layer.reads),
        None if layer.reads is None else values[layer.reads.source],
    )


def _steps(rounding: MILRounding | None) -> Steps | None:
    if rounding is None:
        return None
    low = (rounding.lowest - rounding.zero_point) * rounding.scale
    return Steps(rounding.scale, low, low + 255 * rounding.scale)
