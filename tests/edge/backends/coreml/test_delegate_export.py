"""A lowered program is one Core ML delegate a method, or it is not made."""

import pytest
import torch
from torch import Tensor, nn

from edge.backends.coreml.delegate_export import lower_to_coreml
from edge.errors import BadInput, ExportError


class Conv(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, lr: Tensor) -> Tensor:
        out: Tensor = self.conv(lr)
        return out


class ConvAndAcosh(Conv):
    """Behind a layer which Core ML has, a function which it has not."""

    def forward(self, lr: Tensor) -> Tensor:
        return torch.acosh(super().forward(lr))


def lowered(module: nn.Module, precision: str = "fp16") -> bytes:
    program = torch.export.export(module.eval(), (torch.zeros(1, 3, 8, 8),))
    return lower_to_coreml({"forward": program}, precision)


def test_operators_that_core_ml_lacks_are_named_and_nothing_is_made():
    with pytest.raises(ExportError, match=r"method forward: expected everything in Core ML.*acosh"):
        lowered(ConvAndAcosh())


def test_the_same_layer_alone_is_lowered():
    assert lowered(Conv())[4:6] == b"ET"


def test_a_precision_that_executorch_cannot_ask_for_is_refused_with_the_known_ones():
    with pytest.raises(BadInput, match="expected a precision of fp32, fp16, int8, found 'int4'"):
        lowered(Conv(), "int4")
