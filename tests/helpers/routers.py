"""A seeded router that predicts something else for every window, and tiny networks that it is for."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from edge.backends.table import DEFAULT_TARGET
from edge.card import Precision
from edge.pipeline import build_artifact
from edge.recipe import ArtifactSpec, Recipe
from edge.super_resolution import build_of
from models import LIIF, LIIFConfig, checkpoint_hash, save_checkpoint
from models.liif.router import Router, RouterConfig, save_router


@dataclass(frozen=True)
class RoutedPair:
    """``smaller``: an artifact of ``checkpoint`` with ``router`` in it, which knows ``bigger``."""

    smaller: Path
    bigger: Path
    router: Path
    checkpoint: Path


def build_pair(
    bigger: LIIF, artifact: Path, folder: Path, precision: Precision = "int8", target: str = DEFAULT_TARGET
) -> RoutedPair:
    """A pair in ``folder``, with tiles that small pictures have several of; ``artifact``: of ``bigger``."""
    model = seeded(1)
    save_checkpoint(model, folder / "smaller.safetensors")
    router = router_file(model, bigger, folder / "router.safetensors")
    spec = ArtifactSpec(2, precision, target)
    recipe = Recipe((spec,), folder / "smaller.safetensors", tile=64, max_tile=64, router=router)
    smaller = build_artifact(build_of(model, recipe, spec), folder / "smaller")
    return RoutedPair(smaller, artifact, router, recipe.checkpoint)


def seeded(seed: int) -> LIIF:
    """A tiny network."""
    torch.manual_seed(seed)
    return LIIF(LIIFConfig(n_feats=8, block_widths=(8,), hidden_widths=(16,))).eval()


def router_file(smaller: LIIF, bigger: LIIF, path: Path, halo: int = 8) -> Path:
    """A router of this pair of networks, in ``path``. Its thresholds are those of its own predictions on
    noise, more and less of it."""
    torch.manual_seed(0)
    fingerprints = checkpoint_hash(smaller), checkpoint_hash(bigger)
    config = RouterConfig(32, halo, (4, 4, 4), *fingerprints, 1e-3, tuple([0.0] * 101))
    router = Router(config).eval()
    with torch.no_grad():
        for parameter in router.parameters():
            parameter.mul_(3)
        made = sorted((router(torch.rand(1, 3, 48, 48) ** n).item() for n in range(1, 102)), reverse=True)
    router.config = replace(config, thresholds=tuple(made))
    save_router(router, path)
    return path
