"""Seeded routers, quick to make: they predict something, and differ from window to window."""

from dataclasses import replace
from pathlib import Path

import torch

from models import LIIF, checkpoint_hash
from models.liif.router import Router, RouterConfig, save_router


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
