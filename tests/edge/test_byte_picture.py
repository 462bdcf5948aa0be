"""The shifted first layer computes what the layer computes, from what int8 can hold."""

import torch
from torch import nn

from edge.byte_picture import STEP, ZERO_POINT, ByteConv2d, take_bytes


def conv() -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(3, 4, 3, padding=1)


def picture() -> torch.Tensor:
    values = torch.randint(0, 256, (1, 3, 9, 11), generator=torch.Generator().manual_seed(1))
    return (values / 255 - 0.5) / 0.5


def test_inside_the_picture_it_equals_the_layer_and_at_the_border_nearly():
    plain, shifted = conv()(picture()), ByteConv2d(conv())(picture())
    assert torch.allclose(plain[..., 1:-1, 1:-1], shifted[..., 1:-1, 1:-1], atol=1e-6)
    assert float((plain - shifted).detach().abs().max()) < STEP


def test_every_byte_has_a_code_and_no_two_the_same():
    bytes_ = (torch.arange(256) / 255 - 0.5) / 0.5 + STEP / 2
    codes = (bytes_ / STEP).round() + ZERO_POINT
    assert codes.tolist() == list(range(-128, 128))


def test_a_module_is_copied_and_the_original_keeps_its_layer():
    net = nn.Sequential(conv(), nn.ReLU())
    copied = take_bytes(net, "0")
    assert isinstance(copied[0], ByteConv2d) and isinstance(net[0], nn.Conv2d)
    assert take_bytes(net, "nowhere.0") is net
