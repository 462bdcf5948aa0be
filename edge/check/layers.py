"""Which layer leaves fp32: every convolution and linear layer of the artifact's own program.

Total error: against the fp32 network. Added error: against fp32 on the same input that the program's layer
received. The added error names the culprit.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from edge.backends.backend import LayerCall, LayeredProgram
from edge.backends.table import BACKENDS
from edge.card import Card
from edge.check.baseline import BaselineTile
from edge.check.clipping import CallRanges, RangeFit, Source
from edge.check.reference_layers import Reference, ReferenceCall
from edge.check.thresholds import KERNEL_STEPS
from edge.compress.calibration import calibration_tiles, equalization
from edge.errors import BadArtifact, BadInput
from edge.images.extremes import EXTREME_SIDE, calibration_extremes, colour_page
from edge.precisions import NUMERICS, LayerThreshold
from edge.recipe import MAX_TILE
from edge.work import Work
from models import LIIF
from models.arrays import Float
from models.family import Method
from models.liif.equalization import equalized
from models.liif.int8_form import to_int8_form
from models.liif.programs import ROWS_PER_CALL, calibration_inputs, decoder_inputs, methods_of
from quantize.quantizer import SMALLEST_SCALE

# A ``.pte`` shows all its layers at once: tiles are cut to this side where it takes any, 32 MB at ×2 in
# fp32. A program of one tile size is interpreted layer by layer, and slow. So as many tiles are looked
# into as have this many pixels together, one at least.
SIDE = 32
PIXELS = 4 * SIDE * SIDE

Cause = Literal["weights", "kernel", "range"]

CAUSES: dict[Cause, str] = {
    "weights": "its weights differ from the checkpoint's by more than rounding",
    "kernel": "it computes something else than its weights and its range give; its bias may be wrong, too",
    "range": "its weights and its arithmetic are right, but an int8 range of it does not fit fp32",
}


@dataclass(frozen=True)
class LayerError:
    """A layer over all its calls and tiles, against fp32.

    ``total_db``, ``mean_abs``, ``max_abs``: of the whole error, in the layer's own units; ``added_db``: of
    the error that the layer adds. dB: mean square of the layer's output to that of the error.
    ``weight_error``: largest difference of a weight from the checkpoint's, as a share of the largest
    weight of its output channel. ``kernel_steps``, in int8: largest difference, in steps of the output,
    from what the program's own weight and range give; None elsewhere. ``position``: in the network's
    order, from 0. ``range_fit``: of its int8 activations the one whose range fits worst, None without any.
    """

    layer: str
    position: int
    calls: int
    total_db: float
    added_db: float
    weight_error: float
    kernel_steps: float | None
    mean_abs: float
    max_abs: float
    range_fit: RangeFit | None
    limit: LayerThreshold

    @property
    def cause(self) -> Cause | None:
        """What is wrong, None if nothing is; a NaN always is."""
        if not self.weight_error <= self.limit.weight_error:
            return "weights"
        if self.kernel_steps is not None and not self.kernel_steps <= KERNEL_STEPS:
            return "kernel"
        if not self.added_db >= self.limit.added_db:
            return "kernel" if self.kernel_steps is None else "range"
        return "range" if self.range_fit is not None and self.range_fit.is_wrong else None

    @property
    def failures(self) -> list[str]:
        """Wrong weights or a wrong kernel, in words. A range that fits badly is for the probes to judge."""
        if self.cause in (None, "range"):
            return []
        return [f"layer {self.layer}: {CAUSES[self.cause]}"]


@dataclass(frozen=True)
class LayerCheck:
    """All layers, worst first: by what is wrong, in the order of ``CAUSES``, then by the error they add."""

    layers: tuple[LayerError, ...]

    @property
    def first_suspect(self) -> LayerError | None:
        """The first in the network's order of which something is wrong: where to look."""
        return min((e for e in self.layers if e.cause), key=lambda e: e.position, default=None)

    @property
    def worst_range(self) -> LayerError | None:
        """The layer whose range leaves its limits farthest, None if all of them fit."""
        wrong = [e for e in self.layers if e.range_fit is not None and e.range_fit.is_wrong]
        return max(wrong, key=lambda e: e.range_fit.excess_db if e.range_fit else 0.0, default=None)

    @property
    def failures(self) -> tuple[str, ...]:
        """Those of all layers."""
        return tuple(failure for e in self.layers for failure in e.failures)


def looked_into(tiles: Sequence[BaselineTile], card: Card) -> list[Float]:
    """The inputs of ``tiles`` (1, 3, h, w) that the program is run on; see ``PIXELS``."""
    side = card.tile.fixed or min(SIDE, card.tile.maximum)
    cut = [np.ascontiguousarray(tile.lr[None, :, :side, :side]) for tile in tiles]
    return cut[: max(1, PIXELS // side**2)]


class LayerComparison:
    """Every layer of the artifact in ``folder`` on ``tiles``, against ``model`` in fp32, step by step.

    Raises BadInput for a target or a precision that shows no layers, and BadArtifact, from ``steps``, for a
    program that cannot be looked into or has other layers than ``model``.
    """

    def __init__(self, folder: Path, card: Card, model: LIIF, tiles: Sequence[BaselineTile]) -> None:
        limit = NUMERICS[card.precision].layer
        if limit is None:
            known = ", ".join(name for name, numerics in NUMERICS.items() if numerics.layer is not None)
            raise BadInput(f"layers: expected an artifact in {known}, found one in {card.precision}")
        self._folder, self._card, self._model, self._limit = folder, card, model, limit
        self._tiles = looked_into(tiles, card)
        methods = methods_of(model, None if card.scale == "any" else card.scale, MAX_TILE)
        self._patterns: Sequence[Float] = ()
        if card.quantisation is not None and card.quantisation.equalized:
            factors, self._patterns = equalization(model)
            methods = [replace(method, module=equalized(method.module, factors)) for method in methods]
        self._methods = methods
        self._references = {method.name: Reference(_as_quantised(method, card)) for method in methods}
        self._programs: dict[str, LayeredProgram] = {}
        self._measured = _Measurements()

    def steps(self) -> Work[None]:
        """The program beside fp32 on each tile; then fp32 alone on what int8 ranges have to hold."""
        sources = _float_only(self._card, self._patterns)
        return Work(len(self._tiles) + len(sources), self._run(sources))

    def _run(self, sources: Mapping[Source, Callable[[], Sequence[Float]]]) -> Iterator[None]:
        for tile in self._tiles:
            self._compare(tile)
            yield
        for source, draw in sources.items():
            found = draw()
            for method in self._methods:
                for tensors in calibration_inputs(method, self._methods, self._model, found):
                    self._measured.add(method.name, self._references[method.name].calls(tensors), source)
            yield

    def _compare(self, tile: Float) -> None:
        for method in self._methods:
            inputs = _inputs(method, self._methods, self._model, tile, self._card)
            if method.name not in self._programs:
                self._programs[method.name] = _open(self._folder, self._card, method.name)
            calls = self._references[method.name].calls([torch.from_numpy(a) for a in inputs.values()])
            self._measured.compare(method, calls, self._programs[method.name], inputs)

    def result(self) -> LayerCheck:
        """What all ``steps`` came to, worst first."""
        return self._measured.result(self._limit)


def _float_only(card: Card, patterns: Sequence[Float]) -> dict[Source, Callable[[], Sequence[Float]]]:
    """What gives the tiles (1, 3, h, w) on which fp32 alone is run: what int8 ranges have to hold."""
    if card.precision != "int8":
        return {}
    return {
        "colours": lambda: [colour_page(EXTREME_SIDE)[None]],
        "calibration": lambda: calibration_tiles(None),
        "extremes": calibration_extremes,
        "patterns": lambda: patterns,
    }


def _as_quantised(method: Method, card: Card) -> Method:
    """``method`` with the layers that the program has."""
    if card.precision != "int8" or card.quantisation is None:
        return method
    return replace(method, module=to_int8_form(method.module, card.quantisation.float_layers))


def _open(folder: Path, card: Card, method: str) -> LayeredProgram:
    path = folder / next(m.program for m in card.methods if m.name == method)
    openers = {name: backend.layers for name, backend in BACKENDS.items() if backend.layers is not None}
    if card.target not in openers:
        raise BadInput(f"expected an artifact for {' or '.join(openers)}, found one for {card.target}")
    return openers[card.target](path, method, 2 * ROWS_PER_CALL if method == "decode" else SIDE)


def _inputs(
    method: Method, methods: Sequence[Method], model: LIIF, tile: Float, card: Card
) -> dict[str, Float]:
    """What ``method`` is run on: the tile, or rows of the fp32 encoder's map of it."""
    if method.name != "decode":
        return {"lr": tile}
    rows = next(decoder_inputs(model, methods[0].module, [tile]))
    n = next(m for m in card.methods if m.name == "decode").inputs[0].shape[0]
    count = n if isinstance(n, int) else len(rows[0])  # of a program of one size: as often as they fit
    return {
        spec.name: np.resize(array.numpy(), (count, array.shape[1]))
        for spec, array in zip(method.inputs, rows, strict=True)
    }


@dataclass(frozen=True)
class _Measured:
    """Sums over one call."""

    values: int
    signal: float
    error: float
    added: float
    absolute: float
    largest: float
    weight_error: float
    kernel_steps: float | None


class _Measurements:
    """Of all calls, by layer, in the network's order."""

    def __init__(self) -> None:
        self._layers: dict[str, list[_Measured]] = {}
        self._ranges: dict[str, list[CallRanges]] = {}  # by method, in the order of its calls

    def compare(
        self,
        method: Method,
        reference: Iterator[ReferenceCall],
        program: LayeredProgram,
        inputs: Mapping[str, Float],
    ) -> None:
        """One run of ``method`` by both. Raises BadArtifact unless both call the same layers."""
        is_first = method.name not in self._ranges
        ranges = self._ranges.setdefault(method.name, [])
        number = itertools.count()

        def take(found: LayerCall) -> None:
            expected = next(reference, None)
            if expected is None or expected.weight.shape != found.weight.shape:
                raise BadArtifact(
                    f"expected the checkpoint's layers in the program, found a weight "
                    f"{tuple(found.weight.shape)} in place of {expected.layer if expected else 'none'}"
                )
            self._layers.setdefault(expected.layer, []).append(_measure(expected, found))
            if is_first:
                ranges.append(CallRanges(expected, found, method.clip_weight))
            ranges[next(number)].add(expected, "pictures")

        program.run(inputs, take)
        missing = next(reference, None)
        if missing is not None:
            raise BadArtifact(f"expected layer {missing.layer} in the program, found no more")

    def add(self, method: str, reference: Iterator[ReferenceCall], source: Source) -> None:
        """What fp32 has in the place of ``method``'s int8 activations."""
        for ranges, expected in zip(self._ranges[method], reference, strict=True):
            ranges.add(expected, source)

    def result(self, limit: LayerThreshold) -> LayerCheck:
        """All of it, worst first."""
        fits: dict[str, list[RangeFit]] = {}
        for ranges in itertools.chain.from_iterable(self._ranges.values()):
            fits.setdefault(ranges.layer, []).extend(ranges.fits())
        layers = [
            _summarise(n, layer, calls, fits[layer], limit)
            for n, (layer, calls) in enumerate(self._layers.items())
        ]
        return LayerCheck(tuple(sorted(layers, key=_worst_first)))


def _measure(expected: ReferenceCall, found: LayerCall) -> _Measured:
    found = _unfolded(expected, found)
    made, own = expected.made, expected.again(found.given, expected.weight)
    if found.relu:
        made, own = made.relu(), own.relu()
    kernel_steps = None
    if found.steps is not None:
        given = expected.again(found.given, found.weight)
        exact = (given.relu() if found.relu else given).clamp(found.steps.low, found.steps.high)
        kernel_steps = float((found.made - exact).abs().max()) / found.steps.size
    error = found.made.double() - made
    if found.source is not None and found.reads is not None:
        rounding = found.given - found.source.clamp(found.reads.low, found.reads.high)
        kernel_steps = max(kernel_steps or 0.0, float(rounding.abs().max()) / found.reads.size)
    return _Measured(
        error.numel(),
        float(made.double().square().sum()),
        float(error.square().sum()),
        float((found.made.double() - own).square().sum()),
        float(error.abs().sum()),
        float(error.abs().max()),
        _weight_error(expected.weight, found.weight),
        kernel_steps,
    )


def _unfolded(expected: ReferenceCall, found: LayerCall) -> LayerCall:
    """``found`` without the factor that the program may have folded into it."""
    whole, folded = ((found.weight - f * expected.weight).abs().sum() for f in (1.0, expected.factor))
    if not folded < whole:
        return found
    return replace(found, weight=found.weight / expected.factor, made=found.made / expected.factor)


def _weight_error(expected: Tensor, found: Tensor) -> float:
    """Largest difference, as a share of the largest weight of its channel; a channel of next to nothing
    counts as int8 holds it."""
    largest = expected.abs().flatten(1).amax(dim=1).clamp(min=127 * SMALLEST_SCALE)  # (out,)
    return float(((found - expected).abs().flatten(1).amax(dim=1) / largest).max())


def _summarise(
    position: int,
    layer: str,
    calls: Sequence[_Measured],
    fits: Sequence[RangeFit],
    limit: LayerThreshold,
) -> LayerError:
    signal = sum(call.signal for call in calls)
    return LayerError(
        layer,
        position,
        len(calls),
        _decibel(signal, sum(call.error for call in calls)),
        _decibel(signal, sum(call.added for call in calls)),
        float(np.max([call.weight_error for call in calls])),
        max((call.kernel_steps for call in calls if call.kernel_steps is not None), default=None),
        sum(call.absolute for call in calls) / sum(call.values for call in calls),
        float(np.max([call.largest for call in calls])),
        max(fits, key=lambda fit: (fit.is_wrong, fit.excess_db), default=None),
        limit,
    )


def _decibel(signal: float, error: float) -> float:
    """Infinite without an error, NaN with a NaN, minus infinity for an error of a silent layer."""
    if error == 0:
        return math.inf
    return 10 * math.log10(signal / error) if signal > 0 or math.isnan(error) else -math.inf


def _worst_first(error: LayerError) -> tuple[int, float]:
    rank = [*CAUSES, None].index(error.cause)
    return rank, -math.inf if math.isnan(error.added_db) else error.added_db
