"""First and last layers, rewritten so that int8 loses less: a half-step input shift, and averaged copies of a
layer.

**Input.** The network reads (2v - 255) / 255 for a byte v. Multiples of the step 2/255, as int8's codes
are, lie halfway between these values: every pixel would be off by half a step, which costs 0.08 dB on Set5
alone. Shifted by half a step, every byte has a code of its own.

**Output.** A layer's int8 output takes 256 values. Copies of the layer, whose biases differ by a part of
the step between two of these, round at different places, and the mean of k of them takes k times as many
values. The first layer has next to no work, and of the last one, with three outputs, kernels compute eight
or sixteen: there copies are nearly free, and there rounding costs most (docs/design/int8.md). They are added
up first and divided then: of scales of few bits (``quantize.quantizer``) that sum is exact in any order, so
that every processor finds the same mean.

**The MLP's first layer**, of which every query reads relu(x + b) with a bias b of its own, gets the
largest of these, B, and a ReLU: relu(x + b) = relu(relu(x + B) - (B - b)). So no codes are spent on values
below zero, which end as zeros, and steps are half as large.
"""

import copy
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from models.family import Int8Rules
from models.liif.fixed_scale import constant
from models.liif.network import LIIF

# The layer that reads the picture. What it gives is bounded by black and white, which are no outliers:
# its output keeps its whole range.
HEAD = "encoder.head.0"

# The fixed-scale form's part of the MLP's first layer that all queries share.
FIRST = "hoisted"
OFFSET = "offset_bias_"  # and a number: what a query adds to it

# The MLP's other layers.
MLP_LAYER = re.compile(r"layers\.(\d+)\.weight")

STEP = 2 / 255  # between two neighbouring bytes, in the network's [-1, 1]
SHIFT = STEP / 2
ZERO_POINT = -1  # of the shifted picture: byte 0 has code -128, byte 255 code 127
DARKEST = (-128 - ZERO_POINT) * STEP  # byte 0, shifted

# Copies of the first and of the last layer. An odd number of the first: the mean of an even one may lie
# halfway between two codes of the next layer's input, and be rounded either way by each back end.
HEAD_COPIES = 3
LAST_COPIES = 4

# The part of ``FineLayer`` that joins the copies, in float.
MEAN = "mean"

# From the smallest to the largest colour that the last layer's range usually holds: [-1, 1], and what
# overshoots at edges. Where it is another, the mean of copies takes fewer values, unevenly spaced.
LAST_RANGE = 2.4

# The widest of the MLP's hidden layers that stay float where ranges are found at run time. To find the range
# of so few inputs and to round them takes as long as int8 saves, and costs half of what such a program loses
# (docs/design/int8.md).
WIDEST_FLOAT = 64

# The any-scale decoder's part of the first layer stays float: 4 inputs, nothing to gain. The blend,
# which the root module calls, costs 0.03 dB on Set5 in int8; averages of copies would lose what they gain.
INT8_RULES = Int8Rules(
    float_layers=("coordinates",),
    float_names=(MEAN,),
    min_max_layers=(HEAD,),
    input_steps={HEAD: (STEP, ZERO_POINT)},
)


def int8_rules(model: LIIF) -> Int8Rules:
    """What int8 must know of the layers of ``model``: ``INT8_RULES``, and which stay float where ranges are
    found at run time. The head does, since XNNPACK runs no layer by its input's range straight after
    arithmetic; so do narrow layers of the MLP."""
    narrow = (
        f"layers.{number}"
        for number, linear in enumerate(model.imnet.linears[1:])
        if linear.in_features <= WIDEST_FLOAT
    )
    return replace(INT8_RULES, dynamic_float_layers=(HEAD, *narrow))


class ByteConv2d(nn.Module):
    """The mean of ``HEAD_COPIES`` of ``conv`` over a picture that is shifted by half a step onto int8's grid.

    Equal to ``conv`` but for the outermost pixels: the padding, zero after the shift, is half a step low.
    """

    share: Tensor

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        assert conv.bias is not None and isinstance(conv.padding, tuple)
        self.padding = conv.padding
        self.register_buffer("share", constant(1 / HEAD_COPIES, conv.weight.ndim))
        _register(self, self.derive(conv.weight, conv.bias))

    @staticmethod
    def derive(weight: Tensor, bias: Tensor) -> dict[str, Tensor]:
        """Its weights by name from those of the layer: (C, 3, k, k) and (C,)."""
        biases = head_biases(weight, bias)
        return {"weight": weight, **{f"bias_{number}": each for number, each in enumerate(biases)}}

    def forward(self, x: Tensor) -> Tensor:
        """``x``: (B, 3, h, w) in [-1, 1]."""
        shifted, weight = x + SHIFT, self.get_parameter("weight")
        biases = [self.get_parameter(f"bias_{number}") for number in range(HEAD_COPIES)]
        # Calls with one weight each, not one call with more outputs: a sum is cheaper than the float layer
        # that would join 64 channels, and XNNPACK does not cut tensors of varying size in parts.
        first, *others = (F.conv2d(shifted, weight, bias, padding=self.padding) for bias in biases)
        total = first
        for other in others:
            total = total + other
        return total * self.share


class FlooredConv2d(nn.Module):
    """``conv``, which has no bias, with one, zero at first, and a ReLU."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        assert conv.bias is None and isinstance(conv.padding, tuple)
        self.weight, self.padding = conv.weight, conv.padding
        self.bias = nn.Parameter(torch.zeros(conv.out_channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(F.conv2d(x, self.weight, self.bias, padding=self.padding))


class FineLayer(nn.Module):
    """``layer``, linear or a 1x1 convolution, as the mean of ``LAST_COPIES``: a layer with as many times the
    outputs, and a float one that joins them."""

    def __init__(self, layer: nn.Conv2d | nn.Linear) -> None:
        super().__init__()
        assert layer.bias is not None
        _register(self, self.derive(layer.weight, layer.bias))
        self.mean = _Mean(layer.weight)

    @staticmethod
    def derive(weight: Tensor, bias: Tensor) -> dict[str, Tensor]:
        """Its weights by name from those of the layer: (out, …) and (out,)."""
        return dict(zip(("weight", "bias"), last_weights(weight, bias), strict=True))

    def forward(self, x: Tensor) -> Tensor:
        """``x``: (B, C, h, w), or (N, C)."""
        mean: Tensor = self.mean(_multiply(x, self.get_parameter("weight"), self.get_parameter("bias")))
        return mean


class _Mean(nn.Module):
    kernel: Tensor
    share: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        joined = torch.eye(len(weight)).repeat(1, LAST_COPIES)  # (outputs, copies · outputs)
        self.register_buffer("kernel", joined.reshape(*joined.shape, *[1] * (weight.ndim - 2)))
        self.register_buffer("share", constant(1 / LAST_COPIES, weight.ndim))

    def forward(self, x: Tensor) -> Tensor:
        # The product comes first: XNNPACK does not run every float layer straight after an int8 one.
        return _multiply(x * self.share, self.kernel)


def _register(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    for name, weight in weights.items():
        module.register_parameter(name, nn.Parameter(weight.detach().clone()))


def _multiply(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.conv2d(x, weight, bias) if weight.ndim == 4 else F.linear(x, weight, bias)


def head_biases(weight: Tensor, bias: Tensor) -> list[Tensor]:
    """The biases (C,) of the copies of a layer with ``weight`` (C, 3, k, k) over the shifted picture.

    Their distance is a part of the step that the layer's outputs have over pictures of one colour.
    """
    largest = weight.detach().sum((2, 3)).abs().sum(1)  # (C,)
    low, high = (bias.detach() - largest).min(), (bias.detach() + largest).max()
    shifted = bias - SHIFT * weight.sum((1, 2, 3))
    return [shifted + part * (high - low) / 255 for part in _parts(HEAD_COPIES)]


def last_weights(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """Weight (copies · out, …) and bias (copies · out,) of the last layer's copies."""
    repeated = weight.repeat(LAST_COPIES, *[1] * (weight.ndim - 1))
    return repeated, torch.cat([bias + part * LAST_RANGE / 255 for part in _parts(LAST_COPIES)])


def first_biases(biases: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Of every query's ``biases`` (1, C, 1, 1) the largest (C,), and what each is less, negative."""
    largest = torch.stack(list(biases)).amax(0)
    return largest.flatten(), [bias - largest for bias in biases]


def _parts(copies: int) -> Sequence[float]:
    """How far each copy is moved, in steps: evenly, zero on average."""
    return [(number - (copies - 1) / 2) / copies for number in range(copies)]


def to_int8_form(module: nn.Module, kept: Collection[str]) -> nn.Module:
    """A copy of ``module``, one of our forms, that computes the same: its first and its last layer and the
    MLP's first, where it has them and they are not ``kept`` in float, are as int8 programs have them."""
    module = copy.deepcopy(module)
    own = _weights_of(module)
    for path, kind in _ends(own, kept).items():
        parent, _, name = path.rpartition(".")
        setattr(module.get_submodule(parent), name, kind(module.get_submodule(path)))
    weights = int8_weights(own, kept)
    with torch.no_grad():
        for name, place in _weights_of(module).items():
            place.copy_(weights.get(name, place))
    return module


def int8_weights(weights: Mapping[str, Tensor], kept: Collection[str] = ()) -> dict[str, Tensor]:
    """Every weight of ``to_int8_form(module, kept)`` by its name there, but for constants, as a function of
    ``module``'s own ``weights``: gradients go through."""
    changed = dict(weights)
    for path, kind in _ends(weights, kept).items():
        if issubclass(kind, FlooredConv2d):
            offsets = [name for name in weights if name.startswith(OFFSET)]
            changed[f"{path}.bias"], less = first_biases([weights[name] for name in offsets])
            changed |= dict(zip(offsets, less, strict=True))
        elif issubclass(kind, ByteConv2d | FineLayer):
            own = kind.derive(changed.pop(f"{path}.weight"), changed.pop(f"{path}.bias"))
            changed |= {f"{path}.{name}": weight for name, weight in own.items()}
    return changed


def _weights_of(module: nn.Module) -> dict[str, Tensor]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _ends(weights: Mapping[str, Tensor], kept: Collection[str]) -> dict[str, type[nn.Module]]:
    """What becomes of which layer of a form with ``weights``, by the layer's path."""
    rewritten: dict[str, type[nn.Module]] = {}
    if f"{HEAD}.weight" in weights:
        rewritten[HEAD] = ByteConv2d
    if any(name.startswith(OFFSET) for name in weights):
        rewritten[FIRST] = FlooredConv2d
    if numbers := [int(found[1]) for found in map(MLP_LAYER.fullmatch, weights) if found]:
        rewritten[f"layers.{max(numbers)}"] = FineLayer
    return {path: kind for path, kind in rewritten.items() if path not in kept}
