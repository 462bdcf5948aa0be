"""The layers of a Core ML package, as its interpreter runs them."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge.devices.mil_interpreter import MILProgram
from edge.layer_calls import LayerCall


class MILLayers:
    """An ``.mlpackage``, layer by layer, in fp16 arithmetic where the program calls it that."""

    def __init__(self, package: Path) -> None:
        self._program = MILProgram(package, "fp16")

    def run(self, inputs: Mapping[str, NDArray[np.float32]], take: Callable[[LayerCall], None]) -> None:
        """Has ``take`` called for every call of a layer, in the program's order."""
        layers = self._program.layers()
        read = {layer.given for layer in layers.values()}
        values = {name: torch.from_numpy(array) for name, array in inputs.items() if name in read}

        def observe(name: str, value: Tensor) -> None:
            if name in read:
                values[name] = value
            if name in layers:
                take(LayerCall(layers[name].weight, values[layers[name].given], value))

        self._program.run(inputs, observe)
