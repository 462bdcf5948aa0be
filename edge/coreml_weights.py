"""Smaller weights in a Core ML program: int8, or palettes of the few values that a layer's weights take.

Only what is stored changes; arithmetic stays float16. The weights of convolutions and linear layers are
compressed; buffers, constants that nobody trained such as the blending kernel, keep their values, since its
weights would no longer sum to one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.errors import BadInput

# Elements up to which a weight stays fp16: together such weights are a fraction of a percent of the
# network, and among them are its first and its last layer, where 8 bits would show most.
SMALLEST_COMPRESSED = 2048


@dataclass(frozen=True)
class Palette:
    """Indices of ``bits`` bits into the values that ``channels`` output channels share (None: all)."""

    bits: int
    channels: int | None


# A palette for a whole layer, or for every two channels: 16 values for a whole layer are 9 dB worse.
PALETTES = {"palette6": Palette(6, None), "palette4": Palette(4, 2)}

INDEX_BITS = (1, 2, 4, 6, 8)  # what Core ML stores

COMPRESSIONS = ("int8-weights", *PALETTES)


def deployment_target(ct: Any, precision: str) -> Any:
    """The oldest system that runs a program of ``precision``: several palettes a layer need iOS 18."""
    palette = PALETTES.get(precision)
    return ct.target.iOS17 if palette is None or palette.channels is None else ct.target.iOS18


def compress_weights(ct: Any, model: Any, precision: str, buffers: Iterable[str]) -> Any:
    """A float16 ``model`` with its weights compressed; ``buffers`` by their names in the graph.

    ``int8-weights``: symmetric int8 with a scale per output channel. Palettes: the values that the weights
    have, so nothing is lost here; ``quantize.palette`` made them few.
    """
    coreml = ct.optimize.coreml
    if precision == "int8-weights":
        linear = coreml.OpLinearQuantizerConfig(
            mode="linear_symmetric",
            dtype="int8",
            granularity="per_channel",
            weight_threshold=SMALLEST_COMPRESSED,
        )
        kept = {f"{name}_to_fp16": None for name in buffers}
        config = coreml.OptimizationConfig(global_config=linear, op_name_configs=kept)
        return coreml.linear_quantize_weights(model, config)
    palette = PALETTES[precision]
    shared: dict[str, Any] = {}
    if palette.channels is not None:
        shared = {"granularity": "per_grouped_channel", "group_size": palette.channels, "channel_axis": 0}
    few = coreml.OpPalettizerConfig(
        mode="custom",
        lut_function=lambda weight: look_up(weight, (palette.bits,)),
        weight_threshold=SMALLEST_COMPRESSED,
        **shared,
    )
    as_few = coreml.OpPalettizerConfig(
        mode="custom", lut_function=look_up, weight_threshold=SMALLEST_COMPRESSED
    )
    config = coreml.OptimizationConfig(
        global_config=few, op_name_configs={f"{name}_to_fp16": as_few for name in buffers}
    )
    return coreml.palettize_weights(model, config)


def look_up(
    weight: NDArray[np.float16], bits: tuple[int, ...] = INDEX_BITS
) -> tuple[NDArray[np.float16], NDArray[np.uint8]]:
    """The values that ``weight`` takes, as many as the smallest fitting of ``bits`` can count, the rest zero;
    and each element's index. Raises BadInput if it takes more.

    coremltools' own mode ``unique`` does the same with NumPy's ``unique``, which finds more values than there
    are among float16 (NumPy 2.4).
    """
    values, indices = np.unique(weight.astype(np.float32).ravel(), return_inverse=True)
    fitting = [n for n in bits if len(values) <= 2**n]
    if not fitting:
        raise BadInput(f"expected a weight of at most {2 ** bits[-1]} values, found {len(values)}")
    table = np.zeros(2 ** fitting[0], weight.dtype)
    table[: len(values)] = values
    return table, indices.astype(np.uint8)
