"""Weights of few distinct values, for a palette and short indices into it to hold: any nn.Module.

Rounding to the nearest of a palette's values shifts what a layer gives for a smooth picture, by the mean of
its inputs times the sum of its errors: so weights are rounded by GPTQ (quantize/gptq.py).
"""

import copy
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from quantize.gptq import Window, input_rows, outer_products, round_columns

KMEANS_ROUNDS = 40


@dataclass(frozen=True)
class Palette:
    """``2**bits`` values for every ``channels`` output channels of a layer (None: for all)."""

    bits: int
    channels: int | None

    def bytes(self, weight: Tensor) -> int:
        """What ``weight``, (out, ...), takes: its indices, packed, and its values in float16."""
        palettes = len(weight) // (self.channels or len(weight))
        return -(-weight.numel() * self.bits // 8) + (2 * palettes << self.bits)


class PaletteSweep:
    """``module`` with a switch per layer: its weights as they are, or rounded to a palette.

    ``layers``: module paths of convolutions and linear layers; ``calibration``: inputs like those of
    practice, one tuple per call. Raises ValueError if it is empty.
    """

    def __init__(
        self, module: nn.Module, layers: Collection[str], calibration: Iterable[tuple[Tensor, ...]]
    ) -> None:
        self._module = module
        chosen = {path: layer for path, layer in _layers(module).items() if path in layers}
        self._moments = _input_moments(module, chosen, calibration)
        # In the order in which they run.
        self.weights = {path: chosen[path].weight.detach() for path in self._moments}
        self._rounded: dict[tuple[str, Palette], Tensor] = {}

    def run(self, palettes: Mapping[str, Palette], inputs: tuple[Tensor, ...]) -> Tensor:
        """The output with these layers' weights rounded."""
        weights = {f"{path}.weight": self.weight(path, palette) for path, palette in palettes.items()}
        with torch.no_grad():
            out: Tensor = functional_call(self._module, weights, inputs)
        return out

    def weight(self, path: str, palette: Palette) -> Tensor:
        """The layer's weight in values of ``palette``, exact in float16."""
        if (path, palette) not in self._rounded:
            weight = self.weights[path].flatten(1)  # (out, in)
            each = palette.channels or len(weight)
            values = choose_values(weight.reshape(len(weight) // each, -1), 2**palette.bits)
            rows = values.repeat_interleave(each, 0)  # (out, 2**bits)
            rounded = round_to_values(weight, rows, self._moments[path])
            self._rounded[path, palette] = rounded.view_as(self.weights[path])
        return self._rounded[path, palette]


def palettize(
    module: nn.Module, palettes: Mapping[str, Palette], calibration: Iterable[tuple[Tensor, ...]]
) -> nn.Module:
    """A copy of ``module`` in which these layers, by module path, have the few values of their palette;
    those of them that it does not have or run are passed over.

    Raises ValueError if ``calibration`` is empty; see ``PaletteSweep``.
    """
    sweep = PaletteSweep(module, palettes, calibration)
    module = copy.deepcopy(module)
    layers = _layers(module)
    for path in sweep.weights:
        layers[path].weight = nn.Parameter(sweep.weight(path, palettes[path]))
    return module


def large_layers(module: nn.Module, smallest: int) -> dict[str, Tensor]:
    """Weights of the convolutions and linear layers with more than ``smallest`` of them, by module path."""
    weights = {path: layer.weight.detach() for path, layer in _layers(module).items()}
    return {path: weight for path, weight in weights.items() if weight.numel() > smallest}


def _layers(module: nn.Module) -> dict[str, nn.Conv2d | nn.Linear]:
    return {path: layer for path, layer in module.named_modules() if isinstance(layer, nn.Conv2d | nn.Linear)}


def choose_values(groups: Tensor, count: int) -> Tensor:
    """K-means in one dimension: for each row of (G, n) the ``count`` values nearest to its elements, sorted:
    (G, count), exact in float16."""
    ordered = groups.sort(1).values.contiguous()
    n = ordered.shape[1]
    places = (torch.arange(count) + 0.5) / count
    # Between equal shares and equal distances: where k-means ends on bell-shaped weights.
    shares = ordered[:, (places * n).long()]
    distances = ordered[:, :1] + (ordered[:, -1:] - ordered[:, :1]) * places
    values = (shares + distances) / 2
    for _ in range(KMEANS_ROUNDS):
        nearest = _nearest(ordered, values)
        sums = torch.zeros_like(values).scatter_add_(1, nearest, ordered)
        counts = torch.zeros_like(values).scatter_add_(1, nearest, torch.ones_like(ordered))
        values = torch.where(counts > 0, sums / counts.clamp(min=1), values).sort(1).values
    return values.half().float()


def round_to_values(weight: Tensor, values: Tensor, moments: Tensor) -> Tensor:
    """``weight`` (out, in), each row rounded to its row of ``values`` (out, count), for inputs of these
    second ``moments`` (in, in)."""

    def nearest(column: Tensor) -> Tensor:
        return values.gather(1, _nearest(column[:, None].float(), values))[:, 0]

    return round_columns(weight, moments, nearest).to(weight.dtype)


def _nearest(elements: Tensor, values: Tensor) -> Tensor:
    """For each of ``elements`` (G, n) the index of the nearest of its row's sorted ``values`` (G, count)."""
    return torch.searchsorted((values[:, 1:] + values[:, :-1]) / 2, elements.contiguous())


def _input_moments(
    module: nn.Module, layers: dict[str, nn.Conv2d | nn.Linear], calibration: Iterable[tuple[Tensor, ...]]
) -> dict[str, Tensor]:
    """By layer the sum of its inputs' outer products, (in, in), over all positions and calls."""
    sums: dict[str, Tensor] = {}

    def observe(name: str, layer: nn.Module, x: Tensor) -> None:
        window = None
        if isinstance(layer, nn.Conv2d):
            assert not isinstance(layer.padding, str) and layer.groups == 1
            window = Window(layer.kernel_size, layer.stride, layer.padding, layer.dilation)
        products = outer_products(input_rows(x, window))
        sums[name] = sums[name] + products if name in sums else products

    hooks = [
        layer.register_forward_pre_hook(lambda layer, args, name=name: observe(name, layer, args[0]))
        for name, layer in layers.items()
    ]
    calls = 0
    with torch.no_grad():
        for inputs in calibration:
            module(*inputs)
            calls += 1
    for hook in hooks:
        hook.remove()
    if not calls:
        raise ValueError("expected at least one calibration input, found none")
    return sums
