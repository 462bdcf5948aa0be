"""What each layer costs at each bit width, in dB on pictures, and which to choose."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edge.card import Precision
from edge.compress.calibration import shaping_samples
from edge.compress.int8 import calibrated_method
from edge.compress.mixed_precision import Budget, Choice, Option, choose
from edge.errors import BadInput
from edge.images.extremes import calibration_extremes
from edge.images.metrics import psnr_y
from edge.images.pictures import folder_pictures, resize_bicubic, sample_pictures
from edge.palettes import PALETTES, SMALLEST_COMPRESSED, palette_of
from edge.precisions import MIXED, BitWidth
from edge.recipe import DEFAULT_TILE
from edge.work import Work
from models import LIIF
from models.arrays import Float
from models.family import Method
from models.liif.fixed_scale import plan_phase_queries
from models.liif.programs import methods_of
from models.resize import middle
from quantize.bitwidth_sweep import SweepGraph
from quantize.palette import PaletteSweep, large_layers
from quantize.spec import StaticSpec

# By precision, what layers are measured at. int8: the int8 program, and 6 and 4 bits of weights alone.
MEASURED: dict[Precision, tuple[str, ...]] = {
    "int8": ("int8", "weights-6", "weights-4"),
    MIXED: tuple(PALETTES),
}

# Bytes of a program beside its layers' weights: once, and for each query of the decoder. Measured with
# 4 to 64 queries.
OVERHEAD: dict[Precision, tuple[int, int]] = {"int8": (20_000, 16_800), MIXED: (57_000, 4_400)}

TRUTH = 64  # HR pixels a side: 2,025 pixels are compared at ×2 once the protocol has cut its border
MAX_PICTURES = 8

ALL = "all"  # stands for every layer at once where layers are named


@dataclass(frozen=True)
class LayerCost:
    """``loss_db``: expected PSNR-Y lost with this layer alone at each bit width.

    ``bytes``: of its weights, at each bit width that can be chosen.
    """

    path: str
    weights: int
    loss_db: dict[str, float]
    bytes: dict[BitWidth, int]


@dataclass(frozen=True)
class Sensitivity:
    """The costs of all layers, and of all together at each bit width."""

    layers: tuple[LayerCost, ...]
    fp32_db: float
    all_loss_db: dict[str, float]
    on: str


class Int8Sweep:
    """A method with every layer in float or int8, or in float with weights of 6 or 4 bits."""

    def __init__(self, method: Method, model: LIIF, tiles: Sequence[Float], spec: StaticSpec) -> None:
        self._sweep = SweepGraph(calibrated_method(method, model, tiles, spec))
        self.layers = self._sweep.layers

    def bytes(self, path: str) -> dict[BitWidth, int]:
        """Of the layer's weights, at the widths that can be chosen."""
        return {"int8": self.layers[path], "float": 4 * self.layers[path]}

    def run(self, widths: Mapping[str, Any], inputs: tuple[Tensor, ...]) -> Tensor:
        """The output with layers at ``widths``, the others float."""
        return self._sweep.run(widths, inputs)


class MixedSweep:
    """A method with the weights of every large layer in float or in a palette."""

    def __init__(self, method: Method, tiles: Sequence[Float]) -> None:
        inputs = ((torch.from_numpy(tile),) for tile in shaping_samples(tiles, calibration_extremes()))
        self._sweep = PaletteSweep(method.module, large_layers(method.module, SMALLEST_COMPRESSED), inputs)
        self.layers = {path: weight.numel() for path, weight in self._sweep.weights.items()}

    def bytes(self, path: str) -> dict[BitWidth, int]:
        """Of the layer's weights, at the widths that can be chosen."""
        weight = self._sweep.weights[path]
        return {width: palette_of(width, weight).bytes(weight) for width in PALETTES}

    def run(self, widths: Mapping[str, Any], inputs: tuple[Tensor, ...]) -> Tensor:
        """The output with layers at ``widths``, the others float."""
        weights = self._sweep.weights
        palettes = {path: palette_of(width, weights[path]) for path, width in widths.items()}
        return self._sweep.run(palettes, inputs)


class SensitivityAnalysis:
    """A network at ``scale`` with a switch per layer, and pairs of pictures to measure it on.

    ``precision``: what the layers will be built in, one of ``MEASURED``. Raises BadInput if the network has
    no layer that is large enough for it.
    """

    def __init__(
        self,
        model: LIIF,
        scale: int,
        precision: Precision,
        tiles: Sequence[Float],
        spec: StaticSpec,
        pairs: Sequence[tuple[Float, Float]],
    ) -> None:
        (method,) = methods_of(model, scale, DEFAULT_TILE)
        self.scale, self.widths = scale, MEASURED[precision]
        self.sweep = (
            MixedSweep(method, tiles) if precision == MIXED else Int8Sweep(method, model, tiles, spec)
        )
        if not self.sweep.layers:
            raise BadInput(f"expected a layer of more than {SMALLEST_COMPRESSED:,} weights, found none")
        self.overhead = program_overhead(model, scale, precision)
        self.pictures = [(lr, self._run(lr, {}), hr) for lr, hr in pairs]
        self.fp32_db = float(np.mean([psnr_y(sr, hr, scale) for _, sr, hr in self.pictures]))

    def loss(self, widths: Mapping[str, str]) -> float:
        """Expected dB of PSNR-Y lost with layers at ``widths``, the others float: mean over the pictures.

        A layer's quantization error is uncorrelated with fp32's own error, so that their mean squares add.
        Reported is the loss that this sum predicts: the measured loss of one layer is smaller than its noise
        on a few pictures, where most layers seem to gain.
        """
        losses = []
        for lr, fp32, hr in self.pictures:
            sr = self._run(lr, {path: width for path, width in widths.items() if width != "float"})
            added, own = (10 ** (-psnr_y(fp32, other, self.scale) / 10) for other in (sr, hr))
            losses.append(10 * math.log10(1 + added / own))
        return float(np.mean(losses))

    def _run(self, lr: Float, widths: Mapping[str, str]) -> Float:
        sr: Float = self.sweep.run(widths, (torch.from_numpy(lr[None]),))[0].numpy()
        return sr


def program_overhead(model: LIIF, scale: int, precision: Precision) -> int:
    """Bytes of a program beside its layers' weights: operators, ranges, offsets, small weights."""
    fixed, per_query = OVERHEAD[precision]
    return fixed + per_query * len(plan_phase_queries(scale, model.config.local_ensemble))


def measuring_pairs(folder: Path | None, scale: int) -> tuple[list[tuple[Float, Float]], str]:
    """(LR, HR) pairs of ``folder``, or of built-in pictures that calibrate nothing, and what to call them.

    HR are the middle 64×64 pixels (a multiple of ``scale``) of up to 8 pictures, LR their bicubic.
    Raises BadInput for a folder without pictures or with smaller ones.
    """
    side = TRUTH // scale * scale
    pairs = []
    for name, picture in _pictures(folder):
        height, width = picture.shape[1:]
        if min(height, width) < side:
            raise BadInput(f"{name}: expected at least {side}x{side} pixels, found {width}x{height}")
        hr = np.ascontiguousarray(picture[:, *middle((height, width), (side, side))])
        pairs.append((resize_bicubic(hr, (side // scale, side // scale)), hr))
    what = "the built-in images" if folder is None else "a folder of images"
    return pairs, f"{len(pairs)} crops of {what}"


def _pictures(folder: Path | None) -> Iterator[tuple[str, Float]]:
    if folder is not None:
        for number, picture in enumerate(folder_pictures(folder, MAX_PICTURES), 1):
            yield f"{folder}, picture {number}", picture
        return
    for name, picture in sample_pictures():
        for half in (picture[:, :TRUTH], picture[:, TRUTH:]):  # 64 rows each
            for part in (half[:, :, :80], half[:, :, 80:]):
                yield name, part


def losses(analysis: SensitivityAnalysis) -> Work[tuple[str, str, float]]:
    """(layer, width, loss in dB) of every layer at every bit width with the others float, then of all of them
    (``ALL``) at each."""
    layers = analysis.sweep.layers
    cases = [(name, width) for name in (*layers, ALL) for width in analysis.widths]

    def loss(name: str, width: str) -> float:
        return analysis.loss(dict.fromkeys(layers if name == ALL else [name], width))

    return Work(len(cases), ((name, width, loss(name, width)) for name, width in cases))


def measure(analysis: SensitivityAnalysis, losses: Iterable[tuple[str, str, float]], on: str) -> Sensitivity:
    """What ``losses`` of ``analysis`` come to; ``on``: what its pictures are called."""
    found: dict[str, dict[str, float]] = {name: {} for name in (*analysis.sweep.layers, ALL)}
    for name, width, loss in losses:
        found[name][width] = loss
    costs = [
        LayerCost(path, weights, found[path], analysis.sweep.bytes(path))
        for path, weights in analysis.sweep.layers.items()
    ]
    return Sensitivity(tuple(costs), analysis.fp32_db, found[ALL], on)


def choose_layers(analysis: SensitivityAnalysis, found: Sensitivity, budget: Budget) -> Choice:
    """The layers' widths for ``budget``; see ``mixed_precision.choose``."""
    options = {
        layer.path: [
            Option(width, size, layer.loss_db.get(width, 0.0))  # float loses nothing
            for width, size in layer.bytes.items()
        ]
        for layer in found.layers
    }
    return choose(options, analysis.loss, analysis.overhead, budget)
