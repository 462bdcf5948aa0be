"""The EDSR encoder (Lim et al. 2017, arXiv 1707.02921, section 3) without its upsampler, as LIIF uses it.

Modules are named as in the published implementation, so that a state dict of one fits the other.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def normalized(lr: Tensor) -> Tensor:
    """Pixels in [0, 1] as the encoder takes them, in [-1, 1]."""
    return (lr - 0.5) / 0.5


class ResidualBlock(nn.Module):
    """``x + res_scale * conv(relu(conv(x)))``; ``width`` channels between the two convolutions."""

    def __init__(self, n_feats: int, width: int, res_scale: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(n_feats, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, n_feats, 3, padding=1),
        )
        self.res_scale = res_scale

    def forward(self, x: Tensor) -> Tensor:
        branch: Tensor = self.body(x)
        # A multiplication by one is an operator more in every exported program.
        return x + (branch if self.res_scale == 1.0 else branch * self.res_scale)


class EDSR(nn.Module):
    """``(B, 3, h, w)`` in [-1, 1] to features ``(B, n_feats, h, w)``.

    ``block_widths`` holds one hidden width per residual block: a pruned encoder is the same class.
    """

    def __init__(self, n_feats: int, block_widths: Sequence[int], res_scale: float = 1.0) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Conv2d(3, n_feats, 3, padding=1))
        blocks = [ResidualBlock(n_feats, width, res_scale) for width in block_widths]
        self.body = nn.Sequential(*blocks, nn.Conv2d(n_feats, n_feats, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)  # (B, n_feats, h, w)
        return torch.add(x, self.body(x))  # the long skip of EDSR

    def trunk(self, x: Tensor) -> list[Tensor]:
        """The output of every residual block, and last the features: (B, n_feats, h, w) each."""
        head = x = self.head(x)
        outputs = []
        for layer in self.body:
            x = layer(x)
            outputs.append(x)
        return [*outputs[:-1], torch.add(head, x)]
