"""Int8 in one call, as tests of several rooms need it: of a network's methods, and of any module."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from edge.card import QuantisationCard
from edge.compress.int8 import quantize_program
from edge.images.extremes import calibration_extremes
from edge.super_resolution import SuperResolution
from edge.task import Calibration
from models import LIIF, LIIFConfig
from models.family import Method, Program
from quantize.spec import DEFAULT, PLAIN, StaticSpec
from quantize.static import CalibrationInputs, calibrate, quantize_static


def quantize_methods(
    methods: Sequence[Method],
    model: LIIF,
    tiles: Sequence[np.ndarray],
    source: str,
    spec: StaticSpec = DEFAULT,
    float_layers: Collection[str] = (),
    dynamic: bool = False,
) -> tuple[dict[str, nn.Module], QuantisationCard]:
    """Every method's module by name, calibrated on ``tiles`` and the extremes, and the card's entry."""
    program, calibration = (
        Program(tuple(methods), (), {}),
        Calibration(tiles, calibration_extremes(), (), "tiles of 48x48", source),
    )
    found, card = quantize_program(SuperResolution(model), program, calibration, spec, float_layers, dynamic)
    return {method.name: method.module for method in found.methods}, card


def quantised(methods: list[Method], model: LIIF, tiles: list[np.ndarray]) -> dict[str, nn.Module]:
    return quantize_methods(methods, model, tiles, "test")[0]


def plain() -> LIIF:
    """Without local ensemble: four queries instead of 16, so quicker to trace."""
    torch.manual_seed(0)
    config = LIIFConfig(n_feats=8, block_widths=(8,), hidden_widths=(16, 16), local_ensemble=False)
    return LIIF(config).eval()


def quantize_module(
    module: nn.Module,
    example: tuple[Tensor, ...],
    dynamic_shapes: dict[str, Any],
    inputs: Iterable[tuple[Tensor, ...]],
    quantizer: Any,
    spec: StaticSpec = PLAIN,
    added: Iterable[tuple[Tensor, ...]] = (),
    rare: Iterable[tuple[Tensor, ...]] = (),
) -> nn.Module:
    """``module`` calibrated on ``inputs``, those ``added`` and those that are ``rare``, and quantized."""
    given = CalibrationInputs(inputs, added=added, rare=rare)
    return quantize_static(calibrate(module, example, dynamic_shapes, given, quantizer, spec), spec)
