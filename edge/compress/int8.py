"""Int8 quantization of a program's methods: chooses layers, calibrates, and returns the card's entry."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn
from torch.fx import Node

from edge.card import QuantisationCard
from edge.compress.calibration import calibration_tiles, describe_tiles
from edge.compress.equalization import equalized, measure_factors
from edge.errors import BadInput, ExportError
from edge.images.extremes import calibration_extremes
from models import LIIF
from models.arrays import Float
from models.family import TRACE_SIZES, Method
from models.liif.int8_form import HEAD, MEAN, STEP, ZERO_POINT, with_int8_ends
from models.liif.programs import FLOAT_LAYERS, calibration_inputs
from quantize.graph import module_path
from quantize.ranges import NonFinite
from quantize.static import DEFAULT, Calibrated, StaticSpec, calibrate, quantize_static

if TYPE_CHECKING:
    from quantize.quantizer import LayerQuantizer

Result = TypeVar("Result")


# What the card says, by whether activations get their ranges at run time.
SCHEMES = {
    False: "W8A8 static: int8 weights per output channel, int8 activations per tensor, float output",
    True: "W8A8 dynamic: int8 weights per output channel, int8 inputs by their own range, float outputs",
}


# Of the built-in ones every third tells how far channels reach, beside the extremes.
EQUALIZING_TILES = 3


def quantize_methods(
    methods: Sequence[Method],
    model: LIIF,
    tiles: Sequence[Float],
    source: str,
    spec: StaticSpec = DEFAULT,
    float_layers: Collection[str] = (),
    dynamic: bool = False,
    added: Sequence[Float] = (),
) -> tuple[dict[str, nn.Module], QuantisationCard]:
    """``quantize_modules`` and the card's account of it; ``source``: what it calls the tiles."""
    quantized, count = quantize_modules(methods, model, tiles, spec, float_layers, dynamic, added)
    kept = _kept_in_float(float_layers, dynamic)
    return quantized, QuantisationCard(
        scheme=SCHEMES[dynamic],
        calibration=describe_tiles([*tiles, *added], source),
        equalized=not dynamic,
        quantised_layers=count,
        float_layers=[path for path in layers_of(methods) if path in kept],
    )


def quantize_modules(
    methods: Sequence[Method],
    model: LIIF,
    tiles: Sequence[Float],
    spec: StaticSpec = DEFAULT,
    float_layers: Collection[str] = (),
    dynamic: bool = False,
    added: Sequence[Float] = (),
) -> tuple[dict[str, nn.Module], int]:
    """Every method's module with int8 layers, by name, and how many calls of layers are in int8.

    ``tiles``: (1, 3, h, w) in [0, 1]; ``float_layers``: module paths that stay float besides
    ``FLOAT_LAYERS``; ``added``: a user's tiles, which may make ranges little worse for the others;
    ``dynamic``: activations are rounded by the range that each has at run time, so that
    the tiles choose no ranges, only how weights are rounded. Raises ExportError if a layer that was chosen
    for int8 stayed float, BadInput if a layer gives NaN or infinity.
    """
    from quantize.quantizer import DynamicLayerQuantizer, count_int8_layers

    kept = _kept_in_float(float_layers, dynamic)

    def chosen(path: str) -> bool:
        return _runs_in_int8(path, kept)

    if not dynamic:
        factors = equalization_factors(model)
        methods = [replace(method, module=equalized(method.module, factors)) for method in methods]
    quantized: dict[str, nn.Module] = {}
    count = 0
    for method in methods:
        module = method.module if dynamic else with_int8_ends(method.module, kept)
        quantizer = DynamicLayerQuantizer(chosen) if dynamic else layer_quantizer(kept)
        inputs, extremes, further = (
            calibration_inputs(method, methods, model, given)
            for given in (tiles, calibration_extremes(), added)
        )
        quantized[method.name] = _run(
            quantize_static, method, module, inputs, extremes, quantizer, spec, further
        )
        found = count_int8_layers(quantized[method.name])
        if found != quantizer.annotated:
            raise ExportError(f"{method.name}: expected {quantizer.annotated} int8 layers, found {found}")
        count += quantizer.annotated
    return quantized, count


def equalization_factors(model: LIIF) -> dict[str, Tensor]:
    """The factors of ``model`` in int8: on built-in pictures, so that they follow from the network alone."""
    return measure_factors(model, [*calibration_tiles(None)[::EQUALIZING_TILES], *calibration_extremes()])


def calibrated_method(
    method: Method, model: LIIF, tiles: Sequence[Float], spec: StaticSpec = DEFAULT
) -> Calibrated:
    """A fixed-scale ``method`` of ``model`` with all its layers observed, to try them at several widths."""
    quantizer = layer_quantizer(FLOAT_LAYERS)
    module = with_int8_ends(equalized(method.module, equalization_factors(model)), kept=())
    inputs, extremes = (
        ((torch.from_numpy(tile),) for tile in given) for given in (tiles, calibration_extremes())
    )
    return _run(calibrate, method, module, inputs, extremes, quantizer, spec)


def layers_of(methods: Sequence[Method]) -> list[str]:
    """Module paths of everything with weights that could run in int8."""
    modules = [named for method in methods for named in method.module.named_modules()]
    return list(dict.fromkeys(path for path, m in modules if isinstance(m, nn.Conv2d | nn.Linear)))


def _run(
    quantize: Callable[..., Result],
    method: Method,
    module: nn.Module,
    inputs: Iterator[tuple[Tensor, ...]],
    extremes: Iterator[tuple[Tensor, ...]],
    quantizer: object,
    spec: StaticSpec,
    added: Iterable[tuple[Tensor, ...]] = (),
) -> Result:
    """``quantize_static`` or ``calibrate`` on ``module``, which is ``method``'s or computes the same."""
    try:
        return quantize(
            module,
            method.example(TRACE_SIZES),
            method.dynamic_shapes(),
            inputs,
            quantizer,
            spec,
            whole_range=has_whole_range,
            extremes=extremes,
            added=added,
        )
    except NonFinite as error:
        raise BadInput(f"{method.name}, int8: {error}; is the checkpoint damaged?") from error


def _kept_in_float(float_layers: Collection[str], dynamic: bool) -> set[str]:
    """The head, too, if ``dynamic``: XNNPACK runs no layer by its input's range straight after arithmetic."""
    return {*FLOAT_LAYERS, *float_layers, *((HEAD,) if dynamic else ())}


def has_whole_range(node: Node) -> bool:
    """Whether a node's output is bounded, so that its range holds all of it."""
    return module_path(node) == HEAD


def layer_quantizer(kept: Collection[str], trainable: bool = False) -> "LayerQuantizer":
    """The quantizer of every layer but those ``kept`` in float."""
    from quantize.quantizer import LayerQuantizer

    return LayerQuantizer(lambda path: _runs_in_int8(path, kept), {HEAD: (STEP, ZERO_POINT)}, trainable)


def _runs_in_int8(path: str, kept: Collection[str]) -> bool:
    """Two kinds of layers stay float: the blend, which the root module calls, so that its path is empty (in
    int8 it costs 0.03 dB on Set5), and averages of copies, whose gain int8 would round away."""
    return path != "" and path not in kept and path.rpartition(".")[2] != MEAN
