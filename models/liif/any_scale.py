"""The any-scale form: ``encode`` once, then ``decode`` gathered rows at any zoom.

Both are plain convolutions and linear layers, so that every back end runs them; the gathering and
the blending between them are the host's (``gather_rows``, ``blend_rows``), in integers and NumPy.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.arrays import Float
from models.liif.coordinates import axis_neighbours
from models.liif.edsr import normalized
from models.liif.fixed_scale import hoist_first_layer
from models.liif.network import LIIF


class AnyScaleEncoder(nn.Module):
    """``(B, 3, h, w)`` in [0, 1] to ``(B, hidden, h, w)``: encoder, then the MLP's first layer over
    the features, without the coordinates' part."""

    def __init__(self, model: LIIF) -> None:
        super().__init__()
        self.encoder = model.encoder
        self.hoisted, _ = hoist_first_layer(model)

    def forward(self, lr: Tensor) -> Tensor:
        rows: Tensor = self.hoisted(self.encoder(normalized(lr)))
        return rows


class AnyScaleDecoder(nn.Module):
    """``rows`` (N, hidden) of the encoder's map and ``coordinates`` (N, 4) to colours (N, 3) in [0, 1]
    units, not clamped: the rest of the MLP. Coordinates are (N, 2) without cell decoding."""

    def __init__(self, model: LIIF) -> None:
        super().__init__()
        first, *rest = model.imnet.linears
        _, weight = hoist_first_layer(model)
        self.coordinates = nn.Linear(weight.shape[1], weight.shape[0])
        self.coordinates.weight = nn.Parameter(weight.clone())
        self.coordinates.bias = nn.Parameter(first.bias.detach().clone())
        self.layers = nn.ModuleList(rest)

    def forward(self, rows: Tensor, coordinates: Tensor) -> Tensor:
        x: Tensor = rows + self.coordinates(coordinates)
        for layer in self.layers:
            x = layer(torch.relu(x))
        return x * 0.5 + 0.5


@dataclass(frozen=True)
class Queries:
    """What the host hands to ``decode`` for a rectangle of output pixels, and how to blend the answer.

    ``index`` (k, H·W): row of the flattened LR map; ``coordinates`` (k, H·W, 2 or 4) float32;
    ``weight`` (k, H·W) float32. k is 4 with local ensemble, else 1.
    """

    index: NDArray[np.int64]
    coordinates: Float
    weight: Float


def plan_queries(
    lr_size: tuple[int, int],
    size: tuple[int, int],
    rows: tuple[int, int],
    columns: tuple[int, int],
    lr_window: tuple[int, int, int, int],
    *,
    local_ensemble: bool,
    cell_decode: bool,
) -> Queries:
    """Queries for output pixels ``[rows) x [columns)`` of a picture of ``size`` made from ``lr_size``.

    ``lr_window``: (top, left, height, width), the part of the LR picture whose encoded map is at hand;
    neighbours are clamped into it. Where it leaves the picture, that is extended (docs/format/tiling.md).
    """
    top, left, height, width = lr_window
    y = axis_neighbours(lr_size[0], size[0], local_ensemble, (min(0, top), max(lr_size[0], top + height)))
    x = axis_neighbours(lr_size[1], size[1], local_ensemble, (min(0, left), max(lr_size[1], left + width)))
    ys, xs = slice(*rows), slice(*columns)
    n = (rows[1] - rows[0]) * (columns[1] - columns[0])
    cell = [2.0 * lr_size[0] / size[0], 2.0 * lr_size[1] / size[1]] if cell_decode else []
    index, coordinates, weight = [], [], []
    for a in range(len(y.index)):
        for b in range(len(x.index)):
            row = np.clip(y.index[a, ys] - top, 0, height - 1)
            column = np.clip(x.index[b, xs] - left, 0, width - 1)
            index.append((row[:, None] * width + column[None]).ravel())
            relative = np.empty((n, 2 + len(cell)), np.float32)
            relative[:, 0] = np.repeat(y.relative[a, ys], len(column))
            relative[:, 1] = np.tile(x.relative[b, xs], len(row))
            relative[:, 2:] = cell
            coordinates.append(relative)
            weight.append((y.weight[a, ys, None] * x.weight[b, None, xs]).ravel())
    return Queries(np.stack(index), np.stack(coordinates), np.stack(weight))


def gather_rows(encoded: Float, index: NDArray[np.int64]) -> Float:
    """``encoded`` (hidden, h, w) at ``index`` (N,): (N, hidden), contiguous."""
    return np.ascontiguousarray(encoded.reshape(len(encoded), -1)[:, index].T)


def blend_rows(colours: Float, weight: Float) -> Float:
    """``colours`` (k, N, 3) blended by ``weight`` (k, N): (N, 3)."""
    blended: Float = np.einsum("knc,kn->nc", colours, weight)
    return blended
