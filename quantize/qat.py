"""Quantisation-aware training: the network learns with the rounding that int8 will bring.

What is trained are the network's own float weights, through a graph with fake quantisation (Jacob et al.
2018, arXiv 1712.05877, section 3). The result is a checkpoint like any other: quantised after training on the
same tiles, it becomes the program that it was trained as.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from quantize.spec import RangeMethod
from quantize.static import ActivationRanges, Source


class FakeQuantisedGraph:
    """A module's graph with fake quantisation, run with any weights: ``graph(weights, lr)``.

    ``quantizer``: a PT2E quantizer whose specifications are fake quantisers; its ``copies`` tell the
    weights that it doubled, by name. ``example``: an input; its first and last two sizes vary.
    ``min_max_layers``: as for ``calibrate``.
    """

    def __init__(
        self, module: nn.Module, example: Tensor, quantizer: Any, min_max_layers: Collection[str]
    ) -> None:
        from torchao.quantization.pt2e import FakeQuantize
        from torchao.quantization.pt2e.quantize_pt2e import prepare_qat_pt2e

        sizes = {"lr": dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC)}
        graph = torch.export.export(module, (example,), dynamic_shapes=sizes).module()
        self._graph: GraphModule = prepare_qat_pt2e(graph, quantizer).requires_grad_(False)
        named = {**dict(self._graph.named_parameters()), **dict(self._graph.named_buffers())}
        self._sources = {name: quantizer.copies.get(name, name) for name in named}
        self._quantisers = [part for part in self._graph.modules() if isinstance(part, FakeQuantize)]
        self._ranges = ActivationRanges(self._graph, min_max_layers)

    def __call__(self, weights: Mapping[str, Tensor], lr: Tensor) -> Tensor:
        """``lr`` (B, 3, h, w) in [0, 1] to (B, 3, s·h, s·w)."""
        own = {name: weights[source] for name, source in self._sources.items() if source in weights}
        sr: Tensor = torch.func.functional_call(self._graph, own, (lr,))
        return sr

    @torch.no_grad()
    def calibrate(
        self,
        weights: Mapping[str, Tensor],
        given: Mapping[Source, Sequence[Tensor]],
        method: RangeMethod,
        clip_weight: float = 1.0,
    ) -> None:
        """Take the activations' ranges from what is ``given``, (B, 3, h, w) each, in float, as
        ``quantize.static.calibrate`` does."""
        ranged = [q for q in self._quantisers if hasattr(q.activation_post_process, "reset_min_max_vals")]
        for quantiser in self._quantisers:
            quantiser.disable_fake_quant()
        for quantiser in ranged:
            quantiser.enable_observer()
            quantiser.activation_post_process.reset_min_max_vals()
        self._ranges.clear()
        for source, tiles in given.items():
            with self._ranges.source(source):
                for tile in tiles:
                    self(weights, tile)
        self._ranges.set(method, clip_weight)
        for quantiser in self._quantisers:
            quantiser.enable_fake_quant()
        for quantiser in ranged:
            if not quantiser.is_per_channel:  # weights are looked at again in every step
                quantiser.disable_observer()
                scale, zero_point = quantiser.calculate_qparams()
                quantiser.scale.copy_(scale)
                quantiser.zero_point.copy_(zero_point)
