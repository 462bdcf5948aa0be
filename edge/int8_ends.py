"""The ends of the network and of the MLP as int8 programs have them.

**Input.** The network reads (2v - 255) / 255 for a byte v. Multiples of the step 2/255, as int8's codes
are, lie halfway between these values: every pixel would be off by half a step, which costs 0.08 dB on Set5
alone. Shifted by half a step, every byte has a code of its own.

**Output.** A layer's int8 output takes 256 values. Copies of the layer, whose biases differ by a part of
the step between two of these, round at different places, and the mean of k of them takes k times as many
values. The first layer has next to no work, and of the last one, with three outputs, kernels compute eight
or sixteen: there copies are nearly free, and there rounding costs most (docs/int8.md).

**The MLP's first layer**, of which every evaluation reads relu(x + b) with a bias b of its own, gets the
largest of these, B, and a ReLU: relu(x + b) = relu(relu(x + B) - (B - b)). So no codes are spent on values
below zero, which end as zeros, and steps are half as large.
"""

import copy
from collections.abc import Collection, Sequence

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from models import FixedScaleLIIF

# The layer that reads the picture. What it gives is bounded by black and white, which are no outliers:
# its output keeps its whole range.
HEAD = "encoder.head.0"

# The fixed-scale form's part of the MLP's first layer that all evaluations share.
FIRST = "hoisted"

STEP = 2 / 255  # between two neighbouring bytes, in the network's [-1, 1]
SHIFT = STEP / 2
ZERO_POINT = -1  # of the shifted picture: byte 0 has code -128, byte 255 code 127

# Copies of the first and of the last layer. An odd number of the first: the mean of an even one may lie
# halfway between two codes of the next layer's input, and be rounded either way by each back end.
HEAD_COPIES = 3
LAST_COPIES = 4

# The part of ``FineLayer`` that joins the copies, in float.
MEAN = "mean"

# From the smallest to the largest colour that the last layer's range usually holds: [-1, 1], and what
# overshoots at edges. Where it is another, the mean of copies takes fewer values, unevenly spaced.
LAST_RANGE = 2.4


class ByteConv2d(nn.Module):
    """The mean of ``HEAD_COPIES`` of ``conv`` over a picture that is shifted by half a step onto int8's grid.

    Equal to ``conv`` but for the outermost pixels: the padding, zero after the shift, is half a step low.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        assert conv.bias is not None and isinstance(conv.padding, tuple)
        self.weight, self.padding = conv.weight, conv.padding
        biases = head_biases(conv.weight.detach(), conv.bias.detach())
        self.biases = nn.ParameterList(map(nn.Parameter, biases))

    def forward(self, x: Tensor) -> Tensor:
        """``x``: (B, 3, h, w) in [-1, 1]."""
        shifted = x + SHIFT
        # Calls with one weight each, not one call with twice the outputs: a sum is cheaper than a layer.
        first, *others = (F.conv2d(shifted, self.weight, bias, padding=self.padding) for bias in self.biases)
        mean = first * (1 / HEAD_COPIES)
        for other in others:
            mean = mean + other * (1 / HEAD_COPIES)
        return mean


class FlooredConv2d(nn.Module):
    """``conv``, which has no bias, with ``bias`` (C,) and a ReLU."""

    def __init__(self, conv: nn.Conv2d, bias: Tensor) -> None:
        super().__init__()
        assert conv.bias is None and isinstance(conv.padding, tuple)
        self.weight, self.padding, self.bias = conv.weight, conv.padding, nn.Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(F.conv2d(x, self.weight, self.bias, padding=self.padding))


class FineLayer(nn.Module):
    """``layer``, linear or a 1x1 convolution, as the mean of ``LAST_COPIES``: a layer with as many times the
    outputs, and a float one that joins them."""

    def __init__(self, layer: nn.Conv2d | nn.Linear) -> None:
        super().__init__()
        assert layer.bias is not None
        weight, bias = last_weights(layer.weight.detach(), layer.bias.detach())
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)
        self.mean = _Mean(layer.weight)

    def forward(self, x: Tensor) -> Tensor:
        """``x``: (B, C, h, w), or (N, C)."""
        mean: Tensor = self.mean(_multiply(x, self.weight, self.bias))
        return mean


class _Mean(nn.Module):
    kernel: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        joined = torch.eye(len(weight)).repeat(1, LAST_COPIES)  # (outputs, copies · outputs)
        self.register_buffer("kernel", joined.reshape(*joined.shape, *[1] * (weight.ndim - 2)))

    def forward(self, x: Tensor) -> Tensor:
        # The product comes first: XNNPACK does not run every float layer straight after an int8 one.
        return _multiply(x * (1 / LAST_COPIES), self.kernel)


def _multiply(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.conv2d(x, weight, bias) if weight.ndim == 4 else F.linear(x, weight, bias)


def head_biases(weight: Tensor, bias: Tensor) -> list[Tensor]:
    """The biases (C,) of the copies of a layer with ``weight`` (C, 3, k, k) over the shifted picture.

    Their distance is a part of the step that the layer's outputs have over pictures of one colour.
    """
    reach = weight.detach().sum((2, 3)).abs().sum(1)  # (C,)
    low, high = (bias.detach() - reach).min(), (bias.detach() + reach).max()
    shifted = bias - SHIFT * weight.sum((1, 2, 3))
    return [shifted + part * (high - low) / 255 for part in _parts(HEAD_COPIES)]


def last_weights(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Weight (copies · out, …) and bias (copies · out,) of the last layer's copies."""
    repeated = weight.repeat(LAST_COPIES, *[1] * (weight.ndim - 1))
    return repeated, torch.cat([bias + part * LAST_RANGE / 255 for part in _parts(LAST_COPIES)])


def first_biases(biases: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Of every evaluation's ``biases`` (1, C, 1, 1) the largest (C,), and what each is less, negative."""
    largest = torch.stack(list(biases)).amax(0)
    return largest.flatten(), [bias - largest for bias in biases]


def _parts(copies: int) -> Sequence[float]:
    """How far each copy is moved, in steps: evenly, zero on average."""
    return [(number - (copies - 1) / 2) / copies for number in range(copies)]


def with_int8_ends(module: nn.Module, kept: Collection[str]) -> nn.Module:
    """A copy of ``module``, one of our forms, that computes the same: its first and its last layer and the
    MLP's first, where it has them and they are not ``kept`` in float, are as int8 programs have them."""
    module = copy.deepcopy(module)
    if isinstance(module, FixedScaleLIIF) and FIRST not in kept:
        largest, less = first_biases([module.get_buffer(name) for name in module.offset_biases])
        setattr(module, FIRST, FlooredConv2d(module.hoisted, largest))
        for name, bias in zip(module.offset_biases, less, strict=True):
            module.register_buffer(name, bias)
    kinds: dict[str, type[ByteConv2d | FineLayer]] = {HEAD: ByteConv2d}
    if isinstance(layers := dict(module.named_children()).get("layers"), nn.ModuleList):
        kinds[f"layers.{len(layers) - 1}"] = FineLayer
    modules = dict(module.named_modules())
    for path, kind in kinds.items():
        if path in modules and path not in kept:
            parent, _, name = path.rpartition(".")
            setattr(modules[parent], name, kind(modules[path]))
    return module
