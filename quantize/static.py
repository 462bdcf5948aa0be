"""Static post-training quantisation of any module by PT2E: annotate, observe real inputs, convert."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


def quantize_static(
    module: nn.Module,
    example: tuple[Tensor, ...],
    dynamic_shapes: dict[str, Any],
    calibration: Iterable[tuple[Tensor, ...]],
    quantizer: Any,
) -> nn.Module:
    """``module`` with quantise-dequantise pairs where ``quantizer`` (a PT2E ``Quantizer``) put them.

    ``calibration``: inputs like those of practice, one tuple per call; their ranges become the
    quantisation parameters. The result runs in PyTorch (that is the fake-quantised graph to compare a
    program with) and exports like any module. Raises ValueError if ``calibration`` is empty.
    """
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    graph = torch.export.export(module, example, dynamic_shapes=dynamic_shapes).module()
    prepared = prepare_pt2e(graph, quantizer)
    count = 0
    with torch.no_grad():
        for inputs in calibration:
            prepared(*inputs)
            count += 1
    if not count:
        raise ValueError("expected at least one calibration input, found none")
    converted: nn.Module = convert_pt2e(prepared)
    return converted
