"""Calibration inputs: tiles cut from pictures, so that observers see what practice will bring."""

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.arrays import Float


def cut_tiles(pictures: Iterable[Float], size: int, per_picture: int, seed: int = 0) -> Sequence[Float]:
    """``per_picture`` tiles (1, 3, size, size) from each picture (3, H, W), at seeded random places.

    Smaller pictures are left out. Raises ValueError if no picture has room for a tile.
    """
    return [tile for tiles in tiles_by_picture(pictures, size, per_picture, seed) for tile in tiles]


def tiles_by_picture(
    pictures: Iterable[Float], size: int, per_picture: int, seed: int = 0
) -> Iterator[list[Float]]:
    """As ``cut_tiles``, a picture at a time; no more than one picture is held."""
    rng = np.random.default_rng(seed)
    smallest, found_any = None, False
    for picture in pictures:
        _, height, width = picture.shape
        if min(height, width) < size:
            smallest = min(height, width) if smallest is None else min(smallest, height, width)
            continue
        found_any = True
        tiles = []
        for _ in range(per_picture):
            top, left = rng.integers(height - size + 1), rng.integers(width - size + 1)
            tiles.append(np.ascontiguousarray(picture[None, :, top : top + size, left : left + size]))
        yield tiles
    if not found_any:
        found = "no pictures" if smallest is None else f"sides down to {smallest}"
        raise ValueError(f"expected pictures of at least {size}x{size} pixels to calibrate on, found {found}")


def select_tiles(
    pictures: Iterable[Sequence[Float]], keep: int, per_picture: int, score: Callable[[Float], float]
) -> list[Float]:
    """The ``keep`` tiles with the highest ``score``, at most ``per_picture`` of each picture's.

    Iterative patch selection (Bergner et al. 2022, arXiv 2210.13007, section 3): tiles pass by a picture at
    a time and only the best so far are held, so that memory does not grow with what there is to see. Best
    first; of equal ones the earlier.
    """
    best: list[tuple[float, int, Float]] = []  # a heap, the worst on top; the number tells equal ones apart
    count = 0
    for tiles in pictures:
        scored = [(score(tile), -(count + i), tile) for i, tile in enumerate(tiles)]
        count += len(scored)
        for entry in sorted(scored, key=lambda entry: entry[:2], reverse=True)[:per_picture]:
            if len(best) < keep:
                heapq.heappush(best, entry)
            else:
                heapq.heappushpop(best, entry)
    return [tile for _, _, tile in sorted(best, key=lambda entry: entry[:2], reverse=True)]


def mean_log_range(module: nn.Module, x: Tensor) -> float:
    """The dynamic range of ``module`` on ``x``: the mean logarithm of the difference between the largest
    and the smallest output of every convolution and linear layer."""
    widths: list[float] = []

    def observe(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        low, high = torch.aminmax(output)
        widths.append(math.log(max(float(high - low), torch.finfo(torch.float32).tiny)))

    layers = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(observe) for layer in layers]
    try:
        with torch.no_grad():
            module(x)
    finally:
        for hook in hooks:
            hook.remove()
    return sum(widths) / len(widths)
