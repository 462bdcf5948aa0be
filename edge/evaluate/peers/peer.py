"""The one interface of other engines, and what each of them is given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from edge.compress.calibration import TILES_PER_PICTURE
from edge.errors import MissingDependency
from edge.evaluate.forms import Form
from edge.images.extremes import calibration_extremes
from edge.images.pictures import built_in_pictures
from models import LIIF, FixedScaleLIIF
from models.arrays import Float
from quantize.calibration import cut_tiles


@dataclass(frozen=True)
class Subject:
    """What every engine converts: ``network`` at one size of tile, with tiles (1, 3, t, t) to calibrate int8
    on; and the ``folder`` to convert it in."""

    network: "ConvolutionalForm"
    tile: int
    calibration: Sequence[Float]
    folder: Path


class Peer(Protocol):
    """An engine. ``packages``: what it needs, as they are imported."""

    @property
    def name(self) -> str:
        """What its rows begin with."""
        ...

    @property
    def packages(self) -> tuple[str, ...]:
        """What it needs, as they are imported."""
        ...

    def convert(self, subject: Subject) -> Mapping[str, Form]:
        """The forms that it runs ``subject`` in, by precision."""
        ...


class ConvolutionalForm(FixedScaleLIIF):
    """The fixed-scale form with the picture's middle, 0.5, as the bias of the last convolution where that is
    the same: converters know biases of channels, and NNCF fails on a number added behind a convolution."""

    middle: Tensor

    def __init__(self, model: LIIF, scale: int) -> None:
        super().__init__(model, scale)
        self.register_buffer("middle", torch.full((len(self.blend_kernel),), 0.5))

    def blend(self, colours: Tensor, lr: Tensor) -> Tensor:
        """See ``FixedScaleLIIF``."""
        if self.local_ensemble:
            return super().blend(colours, lr)
        return F.pixel_shuffle(F.conv2d(colours, self.blend_kernel, self.middle), self.scale)


def make_subject(model: LIIF, scale: int, tile: int, folder: Path) -> Subject:
    """``model`` for tiles of ``tile`` pixels, with the images that calibrate this package's own int8."""
    repeats = -(-tile // calibration_extremes()[0].shape[-1])
    colours = [np.tile(each, (1, 1, repeats, repeats))[:, :, :tile, :tile] for each in calibration_extremes()]
    pictures = list(cut_tiles(built_in_pictures(), tile, TILES_PER_PICTURE))
    return Subject(ConvolutionalForm(model, scale).eval(), tile, [*pictures, *colours], folder)


def require(peer: Peer) -> None:
    """Raises MissingDependency where one of ``peer.packages`` is not installed."""
    missing = [name for name in peer.packages if find_spec(name) is None]
    if missing:
        raise MissingDependency(
            f"{peer.name}: expected {', '.join(peer.packages)}, found no {', '.join(missing)}; "
            "pip install 'liif-edge[peers]'"
        )
