"""Training for what will run in int8: the objective that ``models.training`` takes for such recipes."""

from functools import partial
from pathlib import Path

from edge.int8 import calibration_tiles, runs_in_int8
from models import SCALES
from models.errors import RecipeError
from models.objective import ColourLoss
from models.training import MakeObjective
from models.training_recipe import TrainingRecipe


def objective_of(recipe: TrainingRecipe, calibration: Path | None) -> MakeObjective:
    """What ``recipe`` minimises; ``calibration``: the pictures that int8 builds will be calibrated on.

    Raises RecipeError for an int8 recipe whose patches are not of one whole scale with every pixel, and
    BadInput for a calibration folder without pictures.
    """
    if not recipe.int8:
        return ColourLoss
    from edge.xnnpack_quantizer import LayerQuantizer
    from quantize.training import QuantisedLoss

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
        quantizer=LayerQuantizer(runs_in_int8, trainable=True),
        tiles=calibration_tiles(calibration),
    )
