"""Weights of few distinct values, for a palette and short indices into it to hold: any nn.Module.

Rounding to the nearest of a palette's values shifts what a layer gives for a smooth picture, by the mean of
its inputs times the sum of its errors. So the weights are rounded one after the other, and each error is made
up for by the weights that are still to come, as the inputs of calibration demand (Frantar et al.,
arXiv 2210.17323).
"""

import copy
from collections.abc import Iterable

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

KMEANS_ROUNDS = 40
DAMPING = 0.01  # of the mean diagonal, so that inputs which calibration never saw leave no zero


def palettize(
    module: nn.Module,
    bits: int,
    channels: int | None,
    smallest: int,
    calibration: Iterable[tuple[Tensor, ...]],
) -> nn.Module:
    """A copy of ``module``: of its convolutions and linear layers, those with more than ``smallest`` weights
    have ``2**bits`` values at most for every ``channels`` output channels (None: for all). The values are
    exact in float16.

    ``calibration``: inputs like those of practice, one tuple per call. Raises ValueError if it is empty.
    """
    module = copy.deepcopy(module)
    layers = {
        name: layer
        for name, layer in module.named_modules()
        if isinstance(layer, nn.Conv2d | nn.Linear) and layer.weight.numel() > smallest
    }
    for name, correlation in _input_correlations(module, layers, calibration).items():
        layer = layers[name]
        weight = layer.weight.detach().flatten(1)  # (out, in)
        values = choose_values(weight.reshape(len(weight) // (channels or len(weight)), -1), 2**bits)
        rows = values.repeat_interleave(channels or len(weight), 0)  # (out, 2**bits)
        layer.weight = nn.Parameter(round_to_values(weight, rows, correlation).view_as(layer.weight))
    return module


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


def round_to_values(weight: Tensor, values: Tensor, correlation: Tensor) -> Tensor:
    """``weight`` (out, in), each row rounded to its row of ``values`` (out, count), such that the layer gives
    the same for inputs of this ``correlation`` (in, in), as far as that goes."""
    order = correlation.diagonal().argsort(descending=True)  # what weighs most has most to make up for it
    left = weight[:, order].double()
    damped = correlation[order][:, order].double()
    damped += torch.eye(len(damped)) * (DAMPING * damped.diagonal().mean()).clamp(min=1e-12)
    inverse = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(damped)), upper=True)
    rounded = torch.empty_like(weight)
    for column in range(left.shape[1]):
        nearest = values.gather(1, _nearest(left[:, column : column + 1].float(), values))
        error = (left[:, column : column + 1] - nearest) / inverse[column, column]
        left[:, column:] -= error * inverse[column, column:]
        rounded[:, order[column]] = nearest[:, 0]
    return rounded


def _nearest(elements: Tensor, values: Tensor) -> Tensor:
    """For each of ``elements`` (G, n) the index of the nearest of its row's sorted ``values`` (G, count)."""
    return torch.searchsorted((values[:, 1:] + values[:, :-1]) / 2, elements.contiguous())


def _input_correlations(
    module: nn.Module, layers: dict[str, nn.Conv2d | nn.Linear], calibration: Iterable[tuple[Tensor, ...]]
) -> dict[str, Tensor]:
    """By layer the sum of its inputs' outer products, (in, in), over all positions and calls."""
    sums: dict[str, Tensor] = {}

    def observe(name: str, layer: nn.Module, x: Tensor) -> None:
        if isinstance(layer, nn.Conv2d):
            size, padding, stride = layer.kernel_size, layer.padding, layer.stride
            assert not isinstance(padding, str) and layer.groups == 1
            columns = F.unfold(x, size, padding=padding, stride=stride).transpose(0, 1).flatten(1)
        else:
            columns = x.flatten(0, -2).T
        product = columns @ columns.T
        sums[name] = sums[name] + product if name in sums else product

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
