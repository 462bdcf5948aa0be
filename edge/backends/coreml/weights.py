"""Smaller weights in a Core ML program: int8, or palettes of the few values that a layer's weights take.

Only what is stored changes; arithmetic stays float16. The weights of convolutions and linear layers are
compressed; buffers, constants that nobody trained such as the blending kernel, keep their values, since its
weights would no longer sum to one.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.card import Precision
from edge.errors import BadInput
from edge.palettes import SMALLEST_COMPRESSED
from edge.precisions import PALETTIZED
from quantize.palette import Palette

INDEX_BITS = (1, 2, 4, 6, 8)  # what Core ML stores; from iOS 18 on also 3

COMPRESSIONS: tuple[Precision, ...] = ("int8-weights", *PALETTIZED)


def deployment_target(ct: Any, palettes: Iterable[Palette]) -> Any:
    """The oldest system that runs a program of these: several palettes a layer, and 3 bits, need iOS 18."""
    new = any(palette.channels is not None or palette.bits == 3 for palette in palettes)
    return ct.target.iOS18 if new else ct.target.iOS17


def quantize_weights(ct: Any, model: Any, buffers: Iterable[str]) -> Any:
    """A float16 ``model`` with symmetric int8 weights, a scale per output channel; ``buffers``, by their
    names in the graph, stay."""
    coreml = ct.optimize.coreml
    linear = coreml.OpLinearQuantizerConfig(
        mode="linear_symmetric",
        dtype="int8",
        granularity="per_channel",
        weight_threshold=SMALLEST_COMPRESSED,
    )
    kept = {f"{name}_to_fp16": None for name in buffers}
    return coreml.linear_quantize_weights(
        model, coreml.OptimizationConfig(global_config=linear, op_name_configs=kept)
    )


def palettize_weights(ct: Any, model: Any, palettes: Mapping[str, Palette], buffers: Iterable[str]) -> Any:
    """A float16 ``model`` with the weights of these layers, by module path, as palettes of the values that
    they have, so that nothing is lost here; ``quantize.palette`` made them few. ``buffers`` have few, too.
    """
    coreml = ct.optimize.coreml

    def config(palette: Palette | None) -> Any:
        bits = INDEX_BITS if palette is None else (palette.bits,)
        shared: dict[str, Any] = {}
        if palette is not None and palette.channels is not None:
            shared = {
                "granularity": "per_grouped_channel",
                "group_size": palette.channels,
                "channel_axis": 0,
            }
        return coreml.OpPalettizerConfig(
            mode="custom",
            lut_function=lambda weight: look_up(weight, bits),
            weight_threshold=SMALLEST_COMPRESSED,
            **shared,
        )

    configs = {f"{name}_to_fp16": config(None) for name in buffers}
    configs |= {
        f"p_{path.replace('.', '_')}_weight_to_fp16": config(palette) for path, palette in palettes.items()
    }
    return coreml.palettize_weights(model, coreml.OptimizationConfig(op_name_configs=configs))


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
