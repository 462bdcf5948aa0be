"""The fixed-scale form: LIIF at ×2, ×3 or ×4 as convolutions on the LR grid, and nothing else.

At an integer scale s every output pixel has one of s² phases. Per phase and neighbour the relative
coordinate and the cell are constants, so they fold into the bias of the MLP's first layer, and that
layer's part over the (unfolded) features is one convolution, computed once. What remains is a chain
of 1x1 convolutions per query, a fixed blending convolution and a pixel shuffle: the reference
form's numbers without its gathers (arXiv 2012.09161, sections 3.2 to 3.4).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from models.liif.coordinates import axis_neighbours
from models.liif.edsr import normalized
from models.liif.network import LIIF
from models.liif.scales import SCALES

# A neighbour that weighs less cannot be seen: the ×3 centre phase has weight 1 on its own pixel.
NEGLIGIBLE_WEIGHT = 1e-6


@dataclass(frozen=True)
class Query:
    """One run of the MLP on the LR grid: for an output phase, at a neighbour of its pixel."""

    phase: tuple[int, int]  # (y, x) in [0, s)
    offset: tuple[int, int]  # the neighbour's LR pixel minus the output pixel's own, -1, 0 or 1
    relative: tuple[float, float]  # coordinate relative to the neighbour, half LR pixels
    weight: float  # blending weight away from borders


def plan_phase_queries(scale: int, local_ensemble: bool) -> list[Query]:
    """Every decoder query that has a visible weight, phase by phase: 16, 25 or 64 with local ensemble."""
    centre = 1  # of three LR pixels: the middle one has all its neighbours
    axis = axis_neighbours(3, 3 * scale, local_ensemble)
    choices = [
        [
            (int(i) - centre, float(r), float(w))
            for i, r, w in zip(axis.index[:, j], axis.relative[:, j], axis.weight[:, j], strict=True)
        ]
        for j in range(centre * scale, (centre + 1) * scale)
    ]
    return [
        Query((py, px), (oy, ox), (ry, rx), wy * wx)
        for py in range(scale)
        for px in range(scale)
        for oy, ry, wy in choices[py]
        for ox, rx, wx in choices[px]
        if wy * wx > NEGLIGIBLE_WEIGHT
    ]


class FixedScaleLIIF(nn.Module):
    """``(B, 3, h, w)`` in [0, 1] to ``(B, 3, s·h, s·w)``, not clamped. Shares the encoder's weights.

    Raises ValueError for a scale other than 2, 3 or 4.
    """

    blend_kernel: Tensor
    share_kernel: Tensor
    one_half: Tensor

    def __init__(self, model: LIIF, scale: int) -> None:
        super().__init__()
        if scale not in SCALES:
            raise ValueError(f"expected a scale of 2, 3 or 4, found {scale}")
        self.scale = scale
        self.local_ensemble = model.config.local_ensemble
        self.encoder = model.encoder
        self.queries = plan_phase_queries(scale, model.config.local_ensemble)
        self.hoisted, _ = hoist_first_layer(model)
        # A buffer each: indexing one buffer would leave its slices as operators in exported programs.
        self.offset_biases = [f"offset_bias_{number}" for number in range(len(self.queries))]
        for name, bias in zip(self.offset_biases, offset_biases(model, scale), strict=True):
            self.register_buffer(name, bias.detach().clone())
        self.layers = nn.ModuleList(pointwise(linear) for linear in model.imnet.linears[1:])
        self.register_buffer("one_half", constant(0.5, 4))
        self._register_blending()

    def _register_blending(self) -> None:
        """The blend as a 3x3 convolution over all predictions, and the weight that it finds.

        Zero padding drops what a missing neighbour would add; dividing by the weight found, the same
        convolution over ones, gives its share to the neighbours that exist. Without local ensemble all
        weight is on a pixel's own: the kernel is 1x1, brings the colours in order, and misses nothing.
        """
        s2, radius = self.scale**2, int(self.local_ensemble)
        size = 2 * radius + 1
        blend = torch.zeros(3 * s2, 3 * len(self.queries), size, size)
        share = torch.zeros(3 * s2, 3, size, size)  # reads the first of the three channels of ones
        for number, query in enumerate(self.queries):
            row, column = query.offset[0] + radius, query.offset[1] + radius
            for colour in range(3):
                # pixel_shuffle's order
                out = colour * s2 + query.phase[0] * self.scale + query.phase[1]
                blend[out, 3 * number + colour, row, column] = query.weight
                share[out, 0, row, column] += query.weight
        self.register_buffer("blend_kernel", blend)
        self.register_buffer("share_kernel", share)

    def forward(self, lr: Tensor) -> Tensor:
        return self.blend(self.predict(self.encode(lr)), lr)

    def encode(self, lr: Tensor) -> Tensor:
        """(B, 3, h, w) in [0, 1] to the encoder's features (B, C, h, w)."""
        features: Tensor = self.encoder(normalized(lr))
        return features

    def predict(self, features: Tensor) -> Tensor:
        """Per-neighbour predictions, less 0.5: (B, 3·E, h, w) in [-0.5, 0.5] for E decoder queries.

        A loop, not a batch: one query's activations fit the cache, and memory does not grow
        with the number of queries.
        """
        hoisted = self.hoisted(features)  # (B, hidden, h, w)
        colours = []
        for name in self.offset_biases:
            x = hoisted + self.get_buffer(name)
            for layer in self.layers:
                x = layer(F.relu(x))
            # Halved here, not after the blend: XNNPACK does not load a concatenation whose inputs all
            # come straight from int8. Only halved: 0.5 added here would cost fp16 three bits.
            colours.append(x * self.one_half)  # (B, 3, h, w)
        return torch.cat(colours, dim=1)

    def blend(self, colours: Tensor, lr: Tensor) -> Tensor:
        """(B, 3·E, h, w) to the picture (B, 3, s·h, s·w); of ``lr`` only the shape counts."""
        if self.local_ensemble:
            ones = lr * 0.0 + 1.0
            weight_found = F.conv2d(ones, self.share_kernel, padding=1)  # (B, 3s², h, w)
            blended = F.conv2d(colours, self.blend_kernel, padding=1) / weight_found
        else:
            blended = F.conv2d(colours, self.blend_kernel)
        return F.pixel_shuffle(blended + self.one_half, self.scale)


class FixedScaleFeatures(FixedScaleLIIF):
    """The fixed-scale form up to the encoder's features: (B, 3, h, w) in [0, 1] to (B, C, h, w)."""

    def forward(self, lr: Tensor) -> Tensor:
        return self.encode(lr)


class FixedScaleColours(FixedScaleLIIF):
    """The fixed-scale form up to the colours before blending: (B, 3, h, w) in [0, 1] to (B, 3·E, h, w)."""

    def forward(self, lr: Tensor) -> Tensor:
        return self.predict(self.encode(lr))


def derive_weights(model: LIIF, scale: int) -> dict[str, Tensor]:
    """Every weight of ``FixedScaleLIIF(model, scale)`` by its name there, as a function of ``model``'s own:
    gradients reach the network through it."""
    kernel, _ = split_first_layer(model)
    weights: dict[str, Tensor] = {}
    weights |= {f"encoder.{name}": weight for name, weight in model.encoder.named_parameters()}
    weights["hoisted.weight"] = kernel
    for number, bias in enumerate(offset_biases(model, scale)):
        weights[f"offset_bias_{number}"] = bias
    for number, linear in enumerate(model.imnet.linears[1:]):
        weights[f"layers.{number}.weight"] = linear.weight[:, :, None, None]
        weights[f"layers.{number}.bias"] = linear.bias
    return weights


def offset_biases(model: LIIF, scale: int) -> list[Tensor]:
    """What a query's coordinates and cell add in the first layer, with its bias: (1, hidden, 1, 1)
    for each of ``plan_phase_queries``."""
    _, coordinate_weight = split_first_layer(model)
    cell = [2.0 / scale] * 2 if model.config.cell_decode else []
    plan = plan_phase_queries(scale, model.config.local_ensemble)
    coordinates = torch.tensor([[*query.relative, *cell] for query in plan], device=coordinate_weight.device)
    bias = coordinates @ coordinate_weight.T + model.imnet.linears[0].bias  # (E, hidden)
    return list(bias[:, None, :, None, None].unbind())


def split_first_layer(model: LIIF) -> tuple[Tensor, Tensor]:
    """The weight of the MLP's first layer in two parts, with gradients: (kernel over the features, weight
    of the coordinates), of shapes (width, C, window, window) and (width, coordinates).

    Unfolding orders its channels as (feature, window row, window column): a convolution's own order.
    """
    config, weight = model.config, model.imnet.linears[0].weight
    window = config.feature_window
    n_features = config.mlp_in - config.n_coordinates
    kernel = weight[:, :n_features].reshape(len(weight), config.n_feats, window, window)
    return kernel, weight[:, n_features:]


def hoist_first_layer(model: LIIF) -> tuple[nn.Conv2d, Tensor]:
    """The MLP's first layer in two parts: (convolution over the features, weight of the coordinates).

    The convolution has no bias and ``mlp width`` outputs. Both are copies, without gradients.
    """
    kernel, coordinate_weight = (part.detach().clone() for part in split_first_layer(model))
    width, n_feats, window, _ = kernel.shape
    conv = nn.Conv2d(n_feats, width, window, padding=window // 2, bias=False)
    conv.weight = nn.Parameter(kernel)
    return conv, coordinate_weight


def constant(value: float, ndim: int) -> Tensor:
    """``value`` as a tensor of ``ndim`` dimensions of size one, to multiply or to add.

    XNNPACK then keeps the memory format of the other operand. For a plain number it would transpose that
    operand, and everything after it."""
    return torch.full([1] * ndim, value)


def pointwise(linear: nn.Linear) -> nn.Conv2d:
    """A linear layer as the 1x1 convolution that it is on a grid."""
    conv = nn.Conv2d(linear.in_features, linear.out_features, 1)
    conv.weight = nn.Parameter(linear.weight.detach()[:, :, None, None].clone())
    conv.bias = nn.Parameter(linear.bias.detach().clone())
    return conv
