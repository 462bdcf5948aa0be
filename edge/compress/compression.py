"""Compress a program before its export: int8 layers or palettes, and the card's entry of it."""

from collections.abc import Sequence

from torch import Tensor, nn

from edge.card import QuantisationCard
from edge.compress.calibration import calibration_tiles, describe_tiles, folder_tiles
from edge.compress.int8 import layers_of, quantize_methods, quantize_modules
from edge.compress.palettes import MIXED, PALETTE_TILES, SMALLEST_COMPRESSED, UNIFORM, palette_of
from edge.layer_plan import WIDTHS, Width, check_plan, summarize
from edge.recipe import ArtifactSpec, Recipe
from models import LIIF, checkpoint_hash
from models.family import Method
from models.liif.programs import calibration_inputs
from quantize.palette import Palette, large_layers, palettize


def _modules(
    model: LIIF, methods: Sequence[Method], stages: Sequence[Method], recipe: Recipe, spec: ArtifactSpec
) -> tuple[dict[str, nn.Module], QuantisationCard | None]:
    """Every method's module by name, with int8 layers if ``spec`` wants them."""
    modules = {method.name: method.module for method in (*methods, *stages)}
    if spec.precision not in ("int8", "int8-dynamic"):
        return modules, None
    plan = recipe.layers
    if plan is not None:
        check_plan(plan, "int8", layers_of(methods), checkpoint_hash(model))
    tiles, added = calibration_tiles(None), folder_tiles(recipe.calibration, model)
    floats = plan.float_layers if plan is not None else []
    dynamic = spec.precision == "int8-dynamic"
    quantised, quantisation = quantize_methods(
        methods, model, tiles, _source(recipe), recipe.int8, floats, dynamic, added
    )
    modules |= quantised
    if deep := _deep(stages):
        modules |= quantize_modules(*(deep, model, tiles, recipe.int8, floats, dynamic, added))[0]
    return modules, quantisation


def _palettized(
    model: LIIF, methods: Sequence[Method], stages: Sequence[Method], recipe: Recipe, spec: ArtifactSpec
) -> tuple[dict[str, nn.Module], dict[str, Palette], QuantisationCard | None]:
    """Every method's module by name, with large weights of few values; which they are, by module path."""
    weights: dict[str, Tensor] = {}
    for method in methods:
        weights |= large_layers(method.module, SMALLEST_COMPRESSED)
    widths = _widths(model, list(weights), recipe, spec)
    palettes = {path: palette_of(width, weights[path]) for path, width in widths.items() if width != "float"}
    tiles = calibration_tiles(recipe.calibration, model)[::PALETTE_TILES]
    modules = {method.name: method.module for method in (*methods, *stages)}
    for method in (*methods, *_deep(stages)):
        inputs = calibration_inputs(method, methods, model, tiles)
        modules[method.name] = palettize(method.module, palettes, inputs)
    if not palettes:  # the network is too small for any
        return modules, palettes, None
    quantisation = QuantisationCard(
        scheme=f"weights in palettes: {summarize(widths.values())}",
        calibration=describe_tiles(tiles, _source(recipe)),
        quantised_layers=len(palettes),
        float_layers=[path for path in layers_of(methods) if path not in palettes],
    )
    return modules, palettes, quantisation


def _widths(model: LIIF, layers: Sequence[str], recipe: Recipe, spec: ArtifactSpec) -> dict[str, Width]:
    """The width of each of ``layers``, those that are large enough for a palette, by module path."""
    if spec.precision != MIXED or recipe.layers is None:
        return dict.fromkeys(layers, UNIFORM[spec.precision])
    check_plan(recipe.layers, MIXED, layers, checkpoint_hash(model))
    return {path: recipe.layers.layers.get(path, WIDTHS[MIXED][0]) for path in layers}


def _deep(stages: Sequence[Method]) -> list[Method]:
    """The stages that have layers. Calibrated on the same tiles as the whole, they have its ranges and
    weights."""
    return [stage for stage in stages if stage.name != "input"]


def _source(recipe: Recipe) -> str:
    # A user's folder is not named: paths are nobody's business but theirs.
    folder = "" if recipe.calibration is None else " and a folder of pictures"
    return f"the built-in pictures{folder}"
