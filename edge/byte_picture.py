"""A first layer that takes 8-bit pictures without rounding them once more.

The network reads (2v - 255) / 255 for a byte v. Multiples of the step 2/255, as int8's codes are, lie
halfway between these values: every pixel would be off by half a step, which costs 0.08 dB on Set5 alone.
"""

import copy

import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

STEP = 2 / 255  # between two neighbouring bytes, in the network's [-1, 1]
SHIFT = STEP / 2
ZERO_POINT = -1  # of the shifted picture: byte 0 has code -128, byte 255 code 127


class ByteConv2d(nn.Module):
    """``conv`` over a picture that is shifted by half a step onto int8's grid, and a bias that undoes it.

    Equal to ``conv`` but for the outermost pixels: the padding, zero after the shift, is half a step low.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        assert conv.bias is not None and isinstance(conv.padding, tuple)
        self.weight, self.padding = conv.weight, conv.padding
        self.bias = nn.Parameter(shifted_bias(conv.weight.detach(), conv.bias.detach()))

    def forward(self, x: Tensor) -> Tensor:
        """``x``: (B, 3, h, w) in [-1, 1]."""
        return F.conv2d(x + SHIFT, self.weight, self.bias, padding=self.padding)


def shifted_bias(weight: Tensor, bias: Tensor) -> Tensor:
    """The bias (C,) with which ``weight`` (C, 3, k, k) gives the same over the shifted picture."""
    return bias - SHIFT * weight.sum((1, 2, 3))


def take_bytes(module: nn.Module, head: str) -> nn.Module:
    """A copy of ``module`` whose convolution at the path ``head`` is a ``ByteConv2d``; itself without one."""
    if head not in dict(module.named_modules()):
        return module
    module = copy.deepcopy(module)
    parent, _, name = head.rpartition(".")
    conv = module.get_submodule(head)
    assert isinstance(conv, nn.Conv2d)
    setattr(module.get_submodule(parent), name, ByteConv2d(conv))
    return module
