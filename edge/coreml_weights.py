"""Smaller weights in a Core ML program: int8, or palettes of the few values that a layer's weights take.

Only what is stored changes; arithmetic stays float16. The weights of convolutions and linear layers are
compressed; buffers, constants that nobody trained such as the blending kernel, keep their values, since its
weights would no longer sum to one.
"""

from collections.abc import Iterable
from typing import Any

# Elements up to which a weight stays fp16: together such weights are a fraction of a percent of the
# network, and among them are its first and its last layer, where 8 bits would show most.
SMALLEST_COMPRESSED = 2048

# Output channels that share a palette of 16 values. One palette for a whole layer costs 3 dB more.
CHANNELS_PER_PALETTE = 2

COMPRESSIONS = ("int8-weights", "palette6", "palette4")


def deployment_target(ct: Any, precision: str) -> Any:
    """The oldest system that runs a program of ``precision``: several palettes a layer need iOS 18."""
    return ct.target.iOS18 if precision == "palette4" else ct.target.iOS17


def compress_weights(ct: Any, model: Any, precision: str, buffers: Iterable[str]) -> Any:
    """A float16 ``model`` with its weights compressed; ``buffers`` by their names in the graph.

    - ``int8-weights``: symmetric int8 with a scale per output channel;
    - ``palette6``: 64 float16 values per layer, by k-means;
    - ``palette4``: 16 float16 values per ``CHANNELS_PER_PALETTE`` output channels, by k-means.
    """
    coreml = ct.optimize.coreml
    names = [f"{name}_to_fp16" for name in buffers]
    if precision == "int8-weights":
        config = coreml.OpLinearQuantizerConfig(
            mode="linear_symmetric",
            dtype="int8",
            granularity="per_channel",
            weight_threshold=SMALLEST_COMPRESSED,
        )
        return coreml.linear_quantize_weights(model, _config(coreml, config, dict.fromkeys(names)))
    groups = {"granularity": "per_grouped_channel", "group_size": CHANNELS_PER_PALETTE, "channel_axis": 0}
    config = coreml.OpPalettizerConfig(
        mode="kmeans",
        nbits=6 if precision == "palette6" else 4,
        weight_threshold=SMALLEST_COMPRESSED,
        **(groups if precision == "palette4" else {}),
    )
    # Of a buffer the palette is the values that it has: nothing is lost.
    as_they_are = coreml.OpPalettizerConfig(mode="unique", weight_threshold=SMALLEST_COMPRESSED)
    return coreml.palettize_weights(model, _config(coreml, config, dict.fromkeys(names, as_they_are)))


def _config(coreml: Any, trained: Any, others: dict[str, Any]) -> Any:
    return coreml.OptimizationConfig(global_config=trained, op_name_configs=others)
