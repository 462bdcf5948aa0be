"""Core ML packages of small networks, and what is written in them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edge.backends.coreml.export import convert
from edge.backends.coreml.mil_interpreter import MILProgram
from models import LIIF, LIIFConfig
from quantize.palette import Palette, palettize

SHAPE = (1, 3, 5, 7)
PalettesOf = Callable[[nn.Module, str], dict[str, Palette]]
WEIGHTS = Path("Data/com.apple.CoreML/weights/weight.bin")
MODEL = Path("Data/com.apple.CoreML/model.mlmodel")


def liif(**options: Any) -> LIIF:
    torch.manual_seed(2)
    sizes = {"n_feats": 8, "block_widths": (6,), "hidden_widths": (32,)}
    return LIIF(LIIFConfig(**{**sizes, **options})).eval()


def pixels(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(3).random(shape, np.float32)


class Converted:
    """A module and its packages, each converted once."""

    def __init__(
        self, module: nn.Module, folder: Path, palettes_of: PalettesOf = lambda module, precision: {}
    ) -> None:
        self.module = module.eval()
        self.folder = folder
        self.palettes_of = palettes_of

    def package(self, precision: str) -> Path:
        path = self.folder / f"{precision}.mlpackage"
        if not path.exists():
            module = self.module
            palettes = self.palettes_of(module, precision)
            if palettes:
                module = palettize(module, palettes, [(torch.from_numpy(pixels(*SHAPE)),)])
            convert(module, {"lr": SHAPE}, "sr", precision, path, palettes)
        return path

    def run(self, precision: str, arithmetic: Any = "exact") -> NDArray[np.float32]:
        return MILProgram(self.package(precision), arithmetic).run({"lr": pixels(*SHAPE)})["sr"]


def parse(package: Path) -> Any:
    from coremltools.proto import Model_pb2

    return Model_pb2.Model.FromString((package / MODEL).read_bytes())


def operations(model: Any) -> Any:
    (block,) = model.mlProgram.functions["main"].block_specializations.values()
    return block.operations
