"""What tests of several rooms share: a tiny network and its artifacts, each built once, on demand."""

import os
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import pytest
import torch
from quantized import quantize_methods
from routers import RoutedPair, build_pair
from torch import nn

from edge.cli.process import keep_freed_memory
from edge.compress.calibration import calibration_tiles
from edge.palettes import PALETTES, SMALLEST_COMPRESSED
from edge.pipeline import build_artifact
from edge.precisions import MIXED, NUMERICS, PALETTIZED
from edge.recipe import ArtifactSpec, Recipe
from edge.super_resolution import build_of
from models import LIIF, LIIFConfig, save_checkpoint
from models.liif.programs import methods_of
from quantize.palette import Palette, large_layers

# On nets this small a second thread costs more than it brings.
torch.set_num_threads(1)
keep_freed_memory()

TILE, MAX_TILE, HALO = 32, 64, 4  # LR pixels


class Tiny:
    """A seeded network with every part of the published one, its checkpoint file and its artifacts.

    Lowering costs seconds even here, so artifacts are shared: tests copy what they want to change.
    """

    def __init__(self, folder: Path) -> None:
        torch.manual_seed(0)
        self.model = LIIF(LIIFConfig(n_feats=8, block_widths=(8,), hidden_widths=(16,))).eval()
        self.checkpoint = folder / "tiny.safetensors"
        save_checkpoint(self.model, self.checkpoint)
        self._folder = folder
        self._graphs: dict[object, dict[str, nn.Module]] = {}

    def artifact(self, scale: int | str, precision: str, target: str = "xnnpack") -> Path:
        """Folder of the artifact, to be read only."""
        spec = ArtifactSpec(scale, precision, target)
        folder = self._folder / spec.name
        if not folder.exists():
            build_artifact(build_of(self.model, self.recipe(spec), spec), folder)
        return folder

    def recipe(self, *specs: ArtifactSpec) -> Recipe:
        """Small tiles, so that small pictures have several."""
        return Recipe(specs, self.checkpoint, tile=TILE, max_tile=MAX_TILE, halo=HALO)

    def fake_quantised(self, scale: int | str) -> dict[str, nn.Module]:
        """The graphs that the int8 artifact was lowered from, by method: of the same calibration."""
        if scale not in self._graphs:
            methods = methods_of(self.model, None if scale == "any" else scale, 64)
            tiles = calibration_tiles(None)
            self._graphs[scale], _ = quantize_methods(methods, self.model, tiles, "the same")
        return self._graphs[scale]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return Tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def routed_pair(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> RoutedPair:
    folder = tmp_path_factory.mktemp("routed")
    return build_pair(tiny.model, tiny.artifact(2, "int8"), folder)


@pytest.fixture(scope="session")
def palettes_of() -> Callable[[nn.Module, str], dict[str, Palette]]:
    """Palettes for a module's large layers in a precision of Core ML; mixed, 3 and 8 bits by turns."""
    widths = {name: [NUMERICS[name].palette] for name in PALETTIZED} | {MIXED: ["palette3", "palette8"]}

    def choose(module: nn.Module, precision: str) -> dict[str, Palette]:
        if precision not in widths:
            return {}
        layers = zip(large_layers(module, SMALLEST_COMPRESSED), cycle(widths[precision]), strict=False)
        return {path: PALETTES[width] for path, width in layers}

    return choose


@pytest.fixture(scope="session", autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Commands, in this process and in others, leave the user's cache alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield
