"""Training for what will run in int8: the objective that ``models.training.loop`` takes for such recipes."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from torch import Tensor

from edge.compress.calibration import calibration_tiles, equalization_factors
from edge.compress.int8 import layer_quantizer
from edge.images.extremes import calibration_extremes
from models import LIIF, SCALES, FixedScaleLIIF
from models.errors import RecipeError
from models.liif.equalization import Factors, equalize_weights
from models.liif.fixed_scale import derive_weights
from models.liif.int8_form import INT8_RULES, int8_weights, to_int8_form
from models.liif.objective import ColourLoss
from models.training.loop import MakeObjective
from models.training.recipe import TrainingRecipe
from quantize.qat import Derive, FakeQuantisedGraph, QuantisedLoss
from quantize.spec import DEFAULT


def objective_of(recipe: TrainingRecipe, calibration: Path | None) -> MakeObjective:
    """What ``recipe`` minimises; ``calibration``: the pictures that int8 builds will be calibrated on.

    Raises RecipeError for an int8 recipe whose patches are not of one whole scale with every pixel, and
    BadInput for a calibration folder without pictures.
    """
    if not recipe.int8:
        return ColourLoss
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
    return partial(derive_int8_weights, scale=scale, factors=equalization_factors(model))


def derive_int8_weights(model: LIIF, scale: int, factors: Factors) -> Mapping[str, Tensor]:
    """Every weight of ``to_int8_form(equalized(FixedScaleLIIF(model, scale), factors))`` as a function of
    ``model``'s."""
    return int8_weights(equalize_weights(derive_weights(model, scale), factors))
