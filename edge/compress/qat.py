"""Training for what will run in int8: the objective that ``models.training.loop`` takes for such recipes."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from edge.compress.calibration import calibration_tiles, equalization
from edge.compress.int8 import layer_quantizer
from edge.images.extremes import calibration_extremes
from models import LIIF, SCALES, FixedScaleLIIF
from models.arrays import Float
from models.errors import RecipeError
from models.liif.equalization import Factors, equalize_weights
from models.liif.fixed_scale import derive_weights
from models.liif.int8_form import INT8_RULES, int8_weights, to_int8_form
from models.liif.objective import Distillation, Objective
from models.liif.patches import Sample
from models.liif.programs import clip_weight_of
from models.training.loop import MakeObjective
from models.training.recipe import TrainingRecipe
from quantize.qat import FakeQuantisedGraph
from quantize.spec import DEFAULT, RangeMethod
from quantize.static import Source

# The weights of a graph, by their names in it, as a function of the network's.
Derive = Callable[[LIIF], Mapping[str, Tensor]]

# That function for networks like one: what it measures of the network stays as it was.
MakeDerive = Callable[[LIIF], Derive]


def objective_of(recipe: TrainingRecipe, calibration: Path | None) -> MakeObjective | None:
    """What an int8 ``recipe`` minimises, None for others; ``calibration``: the pictures that int8 builds will
    be calibrated on.

    Raises RecipeError for an int8 recipe whose patches are not of one integer scale with every pixel, and
    BadInput for a calibration folder without pictures.
    """
    if not recipe.int8:
        return None
    patches = recipe.patches
    scale = round(patches.min_scale)
    if not patches.every_pixel or patches.min_scale != scale or scale not in SCALES:
        raise RecipeError(
            "expected patches with every_pixel and min_scale = max_scale = 2, 3 or 4 in an int8 recipe, "
            f"found {patches.min_scale:g} to {patches.max_scale:g}, every_pixel = {patches.every_pixel}"
        )
    return partial(
        QuantisedLoss,
        scale=scale,
        make_graph=fake_quantised,
        make_derive=partial(make_derive, scale=scale),
        tiles=calibration_tiles(calibration),
        extremes=calibration_extremes(),
        ranges=DEFAULT.activations,
    )


def fake_quantised(form: FixedScaleLIIF, example: Tensor) -> FakeQuantisedGraph:
    """The graph that an int8 build makes of ``form``, with fake quantisers."""
    quantizer = layer_quantizer(INT8_RULES, INT8_RULES.float_layers, trainable=True)
    return FakeQuantisedGraph(to_int8_form(form, kept=()), example, quantizer, INT8_RULES.min_max_layers)


def make_derive(model: LIIF, scale: int) -> Derive:
    """``derive_int8_weights`` with the factors of ``model`` as it is now."""
    return partial(derive_int8_weights, scale=scale, factors=equalization(model).factors)


def derive_int8_weights(model: LIIF, scale: int, factors: Factors) -> Mapping[str, Tensor]:
    """Every weight of ``to_int8_form(equalized(FixedScaleLIIF(model, scale), factors))`` as a function of
    ``model``'s."""
    return int8_weights(equalize_weights(derive_weights(model, scale), factors))


class QuantisedLoss(Objective):
    """L1 of the int8 pictures that a graph makes of the student, shared with a teacher's in fp32.

    ``make_derive``: its weights from the student's. It is asked anew, and activations' ranges are taken from
    ``tiles``, ``extremes`` and the patterns that the student held at first, whenever training reports.
    Batches hold every pixel of their patches.
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
        given: dict[Source, Sequence[Float]] = {
            "pictures": tiles,
            "extremes": extremes,
            "rare": equalization(student).patterns,
        }
        self._given = {
            source: [torch.from_numpy(tile).to(place) for tile in found] for source, found in given.items()
        }
        # A copy: the graph's own weights are placeholders, whose gradients are switched off.
        form = FixedScaleLIIF(deepcopy(student), scale).to(place)
        self._graph = make_graph(form, self._given["pictures"][0].expand(2, -1, -1, -1))
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
        clip_weight = clip_weight_of(self.scale)
        self._graph.calibrate(weights, self._given, self._ranges, clip_weight)
