"""What each layer costs in int8 and with fewer bits, in dB on pictures, and which layers to keep float."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from edge.errors import BadInput
from edge.evaluate import resize_bicubic
from edge.int8 import calibrated_method
from edge.layer_plan import Budget, Choice, choose
from edge.methods import methods_of
from edge.metrics import psnr_y
from edge.pictures import folder_pictures, sample_pictures
from models import LIIF
from quantize.sensitivity import Switchboard, Width
from quantize.static import StaticSpec

Float = NDArray[np.float32]

WIDTHS: tuple[Width, ...] = ("int8", "weights-6", "weights-4")

TRUTH = 64  # HR pixels a side: 2,025 pixels are compared at ×2 once the protocol has cut its border
MAX_PICTURES = 8


@dataclass(frozen=True)
class LayerCost:
    """``loss_db``: expected PSNR-Y lost with this layer alone at each width; see ``Bench.loss``."""

    path: str
    weights: int
    loss_db: dict[Width, float]


@dataclass(frozen=True)
class Sensitivity:
    """The costs of all layers, and of all in int8 together."""

    layers: tuple[LayerCost, ...]
    fp32_db: float
    int8_loss_db: float
    on: str


class Bench:
    """A network at ``scale`` with a switch per layer, and pairs of pictures to measure it on."""

    def __init__(
        self,
        model: LIIF,
        scale: int,
        tiles: Sequence[Float],
        spec: StaticSpec,
        pairs: Sequence[tuple[Float, Float]],
    ) -> None:
        (method,) = methods_of(model, scale)
        self.scale = scale
        self.board = Switchboard(calibrated_method(method, tiles, spec))
        self.pictures = [(lr, self._run(lr, {}), hr) for lr, hr in pairs]
        self.fp32_db = float(np.mean([psnr_y(sr, hr, scale) for _, sr, hr in self.pictures]))

    def loss(self, widths: Mapping[str, Width]) -> float:
        """Expected dB of PSNR-Y lost with layers at ``widths``, the others float: mean over the pictures.

        What a layer adds to a picture knows nothing of how far fp32 is from the truth, so that the squares
        of both add up. Measured directly, the loss of one layer would drown in where the two happen to
        agree: on few pictures most layers seem to gain.
        """
        losses = []
        for lr, fp32, hr in self.pictures:
            sr = self._run(lr, widths)
            added, own = (10 ** (-psnr_y(fp32, other, self.scale) / 10) for other in (sr, hr))
            losses.append(10 * math.log10(1 + added / own))
        return float(np.mean(losses))

    def int8_loss(self, float_layers: Sequence[str]) -> float:
        """``loss`` with all layers but these in int8."""
        return self.loss({path: "int8" for path in self.board.layers if path not in float_layers})

    def _run(self, lr: Float, widths: Mapping[str, Width]) -> Float:
        sr: Float = self.board.run(widths, (torch.from_numpy(lr[None]),))[0].numpy()
        return sr


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
        top, left = (height - side) // 2, (width - side) // 2
        hr = np.ascontiguousarray(picture[:, top : top + side, left : left + side])
        pairs.append((resize_bicubic(hr, (side // scale, side // scale)), hr))
    what = "the built-in pictures" if folder is None else "a folder of pictures"
    return pairs, f"{len(pairs)} cuttings of {what}"


def _pictures(folder: Path | None) -> Iterator[tuple[str, Float]]:
    if folder is not None:
        for number, picture in enumerate(folder_pictures(folder, MAX_PICTURES), 1):
            yield f"{folder}, picture {number}", picture
        return
    for name, picture in sample_pictures():
        for half in (picture[:, :TRUTH], picture[:, TRUTH:]):  # 64 rows each
            for part in (half[:, :, :80], half[:, :, 80:]):
                yield name, part


def count_steps(bench: Bench) -> int:
    """How often ``measure`` calls ``on_step``."""
    return len(bench.board.layers) * len(WIDTHS)


def measure(bench: Bench, on: str, on_step: Callable[[], None] = lambda: None) -> Sensitivity:
    """Every layer at every width, the others float."""
    layers = []
    for path, weights in bench.board.layers.items():
        losses: dict[Width, float] = {}
        for width in WIDTHS:
            losses[width] = bench.loss({path: width})
            on_step()
        layers.append(LayerCost(path, weights, losses))
    return Sensitivity(tuple(layers), bench.fp32_db, bench.int8_loss(()), on)


def choose_layers(bench: Bench, found: Sensitivity, budget: Budget) -> Choice:
    """The layers to keep float for ``budget``; see ``layer_plan.choose``."""
    return choose(
        {layer.path: layer.weights for layer in found.layers},
        {layer.path: layer.loss_db["int8"] for layer in found.layers},
        bench.int8_loss,
        budget,
    )
