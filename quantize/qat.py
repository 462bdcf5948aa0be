"""Quantisation-aware training: the network learns with the rounding that int8 will bring.

What is trained are the network's own float weights, through its fixed-scale form with fake quantisation
(Jacob et al. 2018, arXiv 1712.05877, section 3). The result is a checkpoint like any other: quantised
after training on the same tiles, it becomes the program that it was trained as.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.fx import GraphModule

from models import LIIF, FixedScaleLIIF
from models.arrays import Float
from models.errors import RecipeError
from models.liif.objective import Distillation, Objective
from models.liif.patches import Sample
from quantize.spec import RangeMethod
from quantize.static import ActivationRanges

# The weights of a graph, by their names in it, as a function of the network's.
Derive = Callable[[LIIF], Mapping[str, Tensor]]

# That function for networks like one: what it measures of the network stays as it was.
MakeDerive = Callable[[LIIF], Derive]


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
        tiles: Sequence[Tensor],
        extremes: Sequence[Tensor],
        method: RangeMethod,
    ) -> None:
        """Take the activations' ranges from ``tiles`` and ``extremes``, (B, 3, h, w) each, in float, as
        ``quantize_static`` does."""
        ranged = [q for q in self._quantisers if hasattr(q.activation_post_process, "reset_min_max_vals")]
        for quantiser in self._quantisers:
            quantiser.disable_fake_quant()
        for quantiser in ranged:
            quantiser.enable_observer()
            quantiser.activation_post_process.reset_min_max_vals()
        self._ranges.clear()
        for tile in tiles:
            self(weights, tile)
        with self._ranges.source("extremes"):
            for tile in extremes:
                self(weights, tile)
        self._ranges.set(method)
        for quantiser in self._quantisers:
            quantiser.enable_fake_quant()
        for quantiser in ranged:
            if not quantiser.is_per_channel:  # weights are looked at again in every step
                quantiser.disable_observer()
                scale, zero_point = quantiser.calculate_qparams()
                quantiser.scale.copy_(scale)
                quantiser.zero_point.copy_(zero_point)


class QuantisedLoss(Objective):
    """L1 of the int8 pictures that a graph makes of the student, shared with a teacher's in fp32.

    ``make_derive``: its weights from the student's. It is asked anew, and activations' ranges are taken from
    ``tiles`` and ``extremes``, whenever training reports. Batches hold every pixel of their patches.
    Raises RecipeError if the teacher's features are asked for: they are compared in float training only.
    """

    def __init__(
        self,
        student: LIIF,
        teacher: LIIF | None,
        distillation: Distillation,
        *,
        scale: int,
        make_graph: Callable[[FixedScaleLIIF, Tensor], FakeQuantisedGraph],
        make_derive: MakeDerive,
        tiles: Sequence[Float],
        extremes: Sequence[Float],
        ranges: RangeMethod,
    ) -> None:
        super().__init__(student)
        if teacher is not None and distillation.features:
            raise RecipeError("expected features = 0 in the distillation of an int8 recipe, found another")
        self.scale, self.share = scale, distillation.colours
        self._make_derive, self._ranges = make_derive, ranges
        self._derive = make_derive(student)
        place = next(student.parameters()).device
        self._tiles, self._extremes = (
            [torch.from_numpy(tile).to(place) for tile in given] for given in (tiles, extremes)
        )
        # A copy: the graph's own weights are placeholders, whose gradients are switched off.
        form = FixedScaleLIIF(deepcopy(student), scale).to(place)
        self._graph = make_graph(form, self._tiles[0].expand(2, -1, -1, -1))
        # In a list, so that the teacher is no submodule: neither trained, nor saved.
        self._teacher = [] if teacher is None else [FixedScaleLIIF(teacher, scale).to(place).eval()]

    def forward(self, batch: Sample) -> Tensor:
        sr = self._graph(self._derive(self.student), batch.lr)
        hr = batch.colours.transpose(1, 2).reshape(sr.shape)
        loss = F.l1_loss(sr, hr)
        for teacher in self._teacher:
            with torch.no_grad():
                expected = teacher(batch.lr)
            loss = (1 - self.share) * loss + self.share * F.l1_loss(sr, expected)
        return loss

    def refresh(self) -> None:
        self._derive = self._make_derive(self.student)
        self._calibrate(self._derive(self.student))

    def upscaler(self, model: LIIF, scale: int) -> Callable[[Tensor], Tensor]:
        """In int8 at the scale that is trained, calibrated on ``model``'s own ranges; in float at others."""
        if scale != self.scale:
            return super().upscaler(model, scale)
        weights = self._make_derive(model)(model)
        self._calibrate(weights)
        return lambda lr: self._graph(weights, lr)

    def _calibrate(self, weights: Mapping[str, Tensor]) -> None:
        self._graph.calibrate(weights, self._tiles, self._extremes, self._ranges)
