"""Cross-layer equalization: channels between two layers get one range, so that one int8 range fits all.

Where only a ReLU lies between two layers, a channel may be multiplied by a factor f > 0 in the first and
divided by it in the second: relu(f·x) = f·relu(x), and the network computes the same (Nagel et al. 2019,
arXiv 1906.04721, section 4.1). There the factors come from the weights; here from how far each channel
reaches on pictures, which is what an int8 range has to hold (docs/design/int8.md has both measured).
"""

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from models import LIIF, FixedScaleLIIF
from models.arrays import Float

# (channels,) factors of what a layer reads, by its path in the forms of the network.
Factors = Mapping[str, Tensor]

# The layers that read channels straight from a ReLU: the second one of a residual block, the MLP's from the
# second on.
READERS = re.compile(r"encoder\.body\.\d+\.body\.2|layers\.\d+")

# What reads the trunk: residual blocks, the layer after them, and the MLP's first.
TRUNK_READERS = re.compile(r"encoder\.body\.\d+|hoisted")

# (channels,) the largest magnitude in what a layer reads, by its path in the fixed-scale form.
Reach = Mapping[str, Tensor]

# A channel is enlarged ten times at most: one that hardly moves needs no range, and its noise no gain.
SMALLEST_RANGE = 0.1

# A trunk holds pictures on which it reaches at most so many times as far as on others. Checks of single
# pixels: 1.8 to 2.0 times after training with a limit on the trunk, 4.0 to 5.2 without (docs/design/int8.md).
MOST_REACH = 2.5


@torch.no_grad()
def measure_reach(model: LIIF, tiles: Iterable[Float]) -> dict[str, Tensor]:
    """How far what ``READERS`` and ``TRUNK_READERS`` read reaches on ``tiles`` (1, 3, h, w) at ×2."""
    device = next(model.parameters()).device
    form = FixedScaleLIIF(model, 2).to(device).eval()
    reach: dict[str, Tensor] = {}

    def observe(path: str, inputs: Any) -> None:
        largest = inputs[0].abs().amax((0, 2, 3))
        reach[path] = torch.maximum(reach[path], largest) if path in reach else largest

    readers = {
        path: layer
        for path, layer in form.named_modules()
        if READERS.fullmatch(path) or TRUNK_READERS.fullmatch(path)
    }
    hooks = [
        layer.register_forward_pre_hook(lambda _layer, inputs, path=path: observe(path, inputs))
        for path, layer in readers.items()
    ]
    try:
        for tile in tiles:
            form(torch.from_numpy(tile).to(device))
    finally:
        for hook in hooks:
            hook.remove()
    return reach


def holds(reach: Reach, other: Reach) -> bool:
    """Whether a trunk with a ``reach`` on pictures holds those on which it has the ``other``."""
    return all(
        bool(values.amax() <= MOST_REACH * reach[path].amax())
        for path, values in other.items()
        if TRUNK_READERS.fullmatch(path)
    )


def widest(reach: Reach, other: Reach) -> dict[str, Tensor]:
    """The reach on what either was measured on."""
    return {path: torch.maximum(values, other[path]) for path, values in reach.items()}


def factors_of(reach: Reach) -> dict[str, Tensor]:
    """The factors that give all channels of what each of ``READERS`` reads one range, where they have
    ``reach``, though at least ``SMALLEST_RANGE`` of the farthest one's."""
    return {path: _factors(values) for path, values in reach.items() if READERS.fullmatch(path)}


def _factors(reach: Tensor) -> Tensor:
    largest = reach.amax()
    if not 0 < float(largest) < float("inf"):  # silent, or broken: calibration says so
        return torch.ones_like(reach)
    return largest / reach.clamp_min(SMALLEST_RANGE * largest)


def equalize_weights(weights: Mapping[str, Tensor], factors: Factors) -> dict[str, Tensor]:
    """``weights`` of one of the network's forms, by name, with ``factors`` in them and gradients through."""
    result = dict(weights)
    for reader, factor in factors.items():
        for name in _writers(reader, result):
            result[name] = result[name] * factor.view(_output_shape(name, result[name]))
        name = f"{reader}.weight"
        if name in result:
            result[name] = result[name] / factor.view(1, -1, *[1] * (result[name].ndim - 2))
    return result


def equalized(module: nn.Module, factors: Factors) -> nn.Module:
    """A copy of ``module``, one of the network's forms, that computes the same, with ``factors`` in its
    weights. An encoder's rows are scaled as the decoder with the same factors expects them."""
    module = copy.deepcopy(module)
    named = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    with torch.no_grad():
        for name, weight in equalize_weights(named, factors).items():
            named[name].copy_(weight)
    return module


def _writers(reader: str, weights: Mapping[str, Tensor]) -> list[str]:
    """Names of what makes the channels that ``reader`` reads, as far as the form has it."""
    stem, _, number = reader.rpartition(".")
    if stem != "layers":
        makers = [f"{stem}.0."]
    elif number != "0":
        makers = [f"layers.{int(number) - 1}."]
    else:  # the MLP's first layer, in parts
        makers = ["hoisted.", "coordinates.", "offset_bias_"]
    return [name for name in weights if name.startswith(tuple(makers))]


def _output_shape(name: str, weight: Tensor) -> tuple[int, ...]:
    """How a factor per output channel lies along ``weight``."""
    if name.startswith("offset_bias_"):
        return 1, -1, 1, 1
    return -1, *[1] * (weight.ndim - 1)
