"""Compress a program before its export: int8 layers or palettes, and the card's entry of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from edge.card import QuantisationCard
from edge.compress.calibration import PALETTE_SAMPLES, shaping_samples
from edge.compress.int8 import quantize_program
from edge.mixed_precision_config import check_config, summarize
from edge.palettes import SMALLEST_COMPRESSED, palette_of
from edge.precisions import MIXED, NUMERICS, BitWidth
from edge.task import Build
from models.family import Method, Program
from quantize.palette import Palette, large_layers, palettize


@dataclass(frozen=True)
class Compressed:
    """``program`` with the modules to export; its ``palettes``, by module path; the ``card``'s entry."""

    program: Program
    palettes: Mapping[str, Palette]
    card: QuantisationCard | None


def compress(build: Build, program: Program) -> Compressed:
    """``program`` as ``build.precision`` has it. Probes without layers stay as they are.

    Raises BadInput for a config or a calibration folder that does not fit.
    """
    with_layers = replace(program, probes=tuple(probe for probe in program.probes if _has_layers(probe)))
    numerics = NUMERICS[build.precision]
    if numerics.activations is not None:
        compressed = _quantized(build, with_layers, dynamic=numerics.activations == "dynamic")
    elif numerics.palette is not None:
        compressed = _palettized(build, with_layers, numerics.palette)
    else:
        return Compressed(program, {}, None)
    modules = {method.name: method.module for method in compressed.program.every}
    return replace(compressed, program=program.with_modules(modules))


def _has_layers(method: Method) -> bool:
    return bool(Program((method,), (), {}).layers)


def _quantized(build: Build, program: Program, dynamic: bool) -> Compressed:
    """Layers in int8, but those that the recipe's config has in float."""
    config, network = build.recipe.layers, build.network
    if config is not None:
        check_config(config, "int8", program.layers, network.fingerprint)
    quantized, card = quantize_program(
        network,
        program,
        network.calibration(build.recipe.calibration),
        build.recipe.int8,
        config.float_layers if config is not None else [],
        dynamic,
    )
    return Compressed(quantized, {}, card)


def _palettized(build: Build, program: Program, palette: BitWidth) -> Compressed:
    """Large weights of few values. Probes get the ranges and weights of the whole from the same samples."""
    weights: dict[str, Tensor] = {}
    for method in program.methods:
        weights |= large_layers(method.module, SMALLEST_COMPRESSED)
    widths = _widths(build, list(weights), palette)
    palettes = {path: palette_of(width, weights[path]) for path, width in widths.items() if width != "float"}
    calibration = build.network.calibration(build.recipe.calibration)
    samples = shaping_samples(calibration.practice, calibration.extremes)
    palettized = program.with_modules(
        {
            method.name: palettize(method.module, palettes, build.network.inputs(program, method, samples))
            for method in program.every
        }
    )
    if not palettes:  # the network is too small for any
        return Compressed(palettized, palettes, None)
    card = QuantisationCard(
        scheme=f"weights in palettes: {summarize(widths.values())}",
        calibration=calibration.describe(calibration.practice[::PALETTE_SAMPLES]),
        quantised_layers=len(palettes),
        float_layers=[path for path in program.layers if path not in palettes],
    )
    return Compressed(palettized, palettes, card)


def _widths(build: Build, layers: Sequence[str], palette: BitWidth) -> dict[str, BitWidth]:
    """The width of each of ``layers``, those that are large enough for a palette, by module path: ``palette``
    unless a config says another."""
    config = build.recipe.layers
    if build.precision != MIXED or config is None:
        return dict.fromkeys(layers, palette)
    check_config(config, MIXED, layers, build.network.fingerprint)
    return {path: config.layers.get(path, palette) for path in layers}
