"""GPTQ: weights rounded for the inputs that their layer meets (Frantar et al., arXiv 2210.17323, section 3).

1. H = E[x xᵀ], the second moments of the layer's inputs, says how much an error in each weight is worth, and
   by which others it can be made up for.
2. Weights are rounded one input after the other, those of the largest moment first.
3. The error of each is put on the weights that are still to come, along a row of the upper Cholesky factor of
   H⁻¹: the change of theirs that leaves the least error in the layer's output.
"""

from collections.abc import Callable, Sequence

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


def convolved_rows(x: Tensor, kernel: Sequence[int], stride: Pair, padding: Pair, dilation: Pair) -> Tensor:
    """What a convolution without groups multiplies a row of its weight with: (positions, in · kernel)."""
    return F.unfold(x, tuple(kernel), dilation, padding, stride).transpose(1, 2).flatten(0, 1)
