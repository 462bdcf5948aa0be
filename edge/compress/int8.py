"""Int8 quantization of a program's methods: chooses layers, calibrates, and returns the card's entry."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import nn

from edge.card import QuantisationCard
from edge.compress.calibration import equalization
from edge.errors import BadInput, ExportError
from edge.images.extremes import calibration_extremes
from edge.task import Calibration
from models import LIIF
from models.arrays import Float
from models.family import TRACE_SIZES, Int8Rules, Method, Network, Program
from models.liif.equalization import equalized
from models.liif.int8_form import INT8_RULES, to_int8_form
from quantize.ranges import NonFinite
from quantize.spec import DEFAULT, StaticSpec
from quantize.static import Calibrated, CalibrationInputs, calibrate, quantize_static

if TYPE_CHECKING:
    from quantize.quantizer import Annotator, LayerQuantizer

# What the card says, by whether activations get their ranges at run time.
SCHEMES = {
    False: "W8A8 static: int8 weights per output channel, int8 activations per tensor, float output",
    True: "W8A8 dynamic: int8 weights per output channel, int8 inputs by their own range, float outputs",
}


def quantize_program(
    network: Network,
    program: Program,
    calibration: Calibration,
    spec: StaticSpec = DEFAULT,
    float_layers: Collection[str] = (),
    dynamic: bool = False,
) -> tuple[Program, QuantisationCard]:
    """``program`` of ``network`` with int8 layers, and the card's account of it.

    ``float_layers``: module paths that stay float besides those that the network keeps so; ``dynamic``:
    activations are rounded by the range that each has at run time, so that samples choose no ranges, only how
    weights are rounded. Raises ExportError if a layer that was chosen for int8 stayed float, BadInput if a
    layer gives NaN or infinity.
    """
    kept = network.int8.kept(float_layers, dynamic)
    form = program if dynamic else network.int8_form(program, kept)
    modules: dict[str, nn.Module] = {}
    calls: dict[str, int] = {}
    # Where samples choose no ranges, they all choose how weights are rounded.
    practice, added, rare = (
        (calibration.practice, (), ())
        if dynamic
        else (calibration.samples, calibration.added, network.rare_samples())
    )
    for method in form.every:
        given = CalibrationInputs(
            *(
                network.inputs(form, method, samples)
                for samples in (practice, calibration.extremes, added, rare)
            )
        )
        modules[method.name], calls[method.name] = _quantize(method, given, network.int8, kept, spec, dynamic)
    card = QuantisationCard(
        scheme=SCHEMES[dynamic],
        calibration=calibration.describe(calibration.practice),
        equalized=not dynamic,
        quantised_layers=sum(calls[method.name] for method in program.methods),
        float_layers=[path for path in program.layers if path in kept],
    )
    return program.with_modules(modules), card


def _quantize(
    method: Method,
    given: CalibrationInputs,
    rules: Int8Rules,
    kept: Collection[str],
    spec: StaticSpec,
    dynamic: bool,
) -> tuple[nn.Module, int]:
    """The module of ``method`` in int8, and how many calls of layers it has there."""
    from quantize.quantizer import DynamicLayerQuantizer, count_int8_layers

    quantizer: Annotator
    if dynamic:
        quantizer = DynamicLayerQuantizer(lambda path: rules.chosen(path, kept))
    else:
        quantizer = layer_quantizer(rules, kept)
    module = quantize_static(_observed(method, given, quantizer, rules, spec), spec)
    found = count_int8_layers(module)
    if found != quantizer.annotated:
        raise ExportError(f"{method.name}: expected {quantizer.annotated} int8 layers, found {found}")
    return module, found


def calibrated_method(
    method: Method, model: LIIF, tiles: Sequence[Float], spec: StaticSpec = DEFAULT
) -> Calibrated:
    """A fixed-scale ``method`` of ``model`` with all its layers observed, to try them at several widths."""
    factors, patterns = equalization(model)
    module = to_int8_form(equalized(method.module, factors), kept=())
    pictures, extremes, rare = (
        ((torch.from_numpy(tile),) for tile in given) for given in (tiles, calibration_extremes(), patterns)
    )
    quantizer = layer_quantizer(INT8_RULES, INT8_RULES.float_layers)
    given = CalibrationInputs(pictures, extremes, rare=rare)
    return _observed(replace(method, module=module), given, quantizer, INT8_RULES, spec)


def _observed(
    method: Method, given: CalibrationInputs, quantizer: object, rules: Int8Rules, spec: StaticSpec
) -> Calibrated:
    """``method`` with the observers that ``quantizer`` puts, after they have seen ``given``."""
    example, shapes = method.example(TRACE_SIZES), method.dynamic_shapes()
    clip_weight, whole = method.clip_weight, rules.min_max_layers
    try:
        return calibrate(method.module, example, shapes, given, quantizer, spec, whole, clip_weight)
    except NonFinite as error:
        raise BadInput(f"{method.name}, int8: {error}; is the checkpoint damaged?") from error


def layer_quantizer(rules: Int8Rules, kept: Collection[str], trainable: bool = False) -> "LayerQuantizer":
    """The quantizer of every layer but those ``kept`` in float."""
    from quantize.quantizer import LayerQuantizer

    return LayerQuantizer(lambda path: rules.chosen(path, kept), rules.input_steps, trainable)
