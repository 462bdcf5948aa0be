"""GPTQ: weights rounded for the inputs that their layer meets (Frantar et al., arXiv 2210.17323, section 3).

1. H = E[x xᵀ], the second moments of the layer's inputs, says how much an error in each weight is worth, and
   by which others it can be made up for.
2. Weights are rounded one input after the other, those of the largest moment first.
3. The error of each is put on the weights that are still to come, along a row of the upper Cholesky factor of
   H⁻¹: the change of theirs that leaves the least error in the layer's output.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

DAMPING = 0.01  # of the mean moment: what keeps inputs that never change solvable, as the paper has it

# A size for both axes, or one for each.
Pair = int | tuple[int, ...]


def round_columns(weight: Tensor, moments: Tensor, nearest: Callable[[Tensor], Tensor]) -> Tensor:
    """``weight`` (out, in) rounded, as float64 (out, in).

    ``moments`` (in, in): of the layer's inputs, at any scale. ``nearest``: what each of (out,) values, the
    weights of one input, may be instead: (out,).
    """
    order = moments.diagonal().argsort(descending=True, stable=True)
    damped = moments.double()[order][:, order]
    damped += torch.eye(len(damped)) * (DAMPING * damped.diagonal().mean()).clamp_min(1e-12)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    factor = torch.linalg.cholesky(inverse, upper=True)
    left = weight.double()[:, order]
    rounded = torch.empty_like(left)
    for column in range(left.shape[1]):
        rounded[:, column] = nearest(left[:, column])
        error = (left[:, column] - rounded[:, column]) / factor[column, column]
        left[:, column:] -= error[:, None] * factor[column, column:]
    result = torch.empty_like(rounded)
    result[:, order] = rounded
    return result


@dataclass(frozen=True)
class Window:
    """What a convolution without groups looks at: its kernel and how that moves."""

    kernel: tuple[int, ...]
    stride: Pair = 1
    padding: Pair = 0
    dilation: Pair = 1


def input_rows(x: Tensor, window: Window | None) -> Tensor:
    """What a layer multiplies a row of its weight with: (positions, in · kernel) of a convolution's input
    (B, in, h, w), (positions, in) of a linear layer's, (…, in), whose ``window`` is None."""
    if window is None:
        return x.reshape(-1, x.shape[-1])
    columns = F.unfold(x, window.kernel, window.dilation, window.padding, window.stride)
    return columns.transpose(1, 2).flatten(0, 1)


def outer_products(rows: Tensor) -> Tensor:
    """Σ x xᵀ (in, in) over ``rows`` (positions, in): the second moments, times how many there are."""
    return rows.T @ rows
