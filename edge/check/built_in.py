"""An artifact against fp32 on built-in pictures: samples, and pages of pure colours and of fine patterns."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from edge.card import Card
from edge.check.baseline import BaselineTile, run_reference
from edge.check.comparison import CheckResult, Comparison, compare, judge
from edge.compress.calibration import calibration_tiles
from edge.errors import BadInput
from edge.images.extremes import EXTREME_SIDE, colour_page, pattern_page
from edge.images.pictures import baseline_pictures, sample_pictures
from edge.run.artifact import Artifact
from edge.run.routing import routing_of
from edge.run.upscale import upscale
from edge.work import Work
from models import LIIF
from models.arrays import Float
from models.liif.reference import fp32_picture
from models.liif.router import Router, load_router

# The scale at which an any-scale artifact is measured: not an integer.
MEASURED_ZOOM = 2.6

# LR pixels a side of what an any-scale artifact is measured on, and of a baseline's tiles, for programs that
# take tiles of any size.
MEASURED_SIDE = 64

# Largest mean error of a router's predictions, which are log2 of gains. Gains that are off by a factor of 1.4
# keep their place among those of a photograph, which span a factor of a thousand.
ROUTE_OFF = 0.5


def checked_scale(card: Card) -> float:
    """The scale at which an artifact of ``card`` is checked, if its user names none."""
    return MEASURED_ZOOM if card.scale == "any" else float(card.scale)


def reference_for(card: Card, model: LIIF) -> Work[BaselineTile]:
    """``run_reference`` of ``model`` on the built-in pictures, as an artifact of ``card`` is checked on them:
    at ``checked_scale``, in tiles that its program takes."""
    pictures = baseline_pictures(None, card.tile.fixed or MEASURED_SIDE)
    return run_reference(model, pictures, checked_scale(card))


def measure(artifact: Artifact, model: LIIF) -> CheckResult:
    """The artifact on the sample pictures and a page of pure colours, against ``model`` in fp32."""
    card = artifact.card
    any_scale = card.scale == "any"
    comparisons = []
    for name, lr in sample_pictures(card.tile.fixed or 0):
        if any_scale:  # cut, since the reference form is slow
            side = card.tile.fixed or MEASURED_SIDE
            lr = np.ascontiguousarray(lr[:, :side, :side])
        comparisons.append(_measure(artifact, model, name, lr, MEASURED_ZOOM if any_scale else None))
    comparisons.append(measure_colours(artifact, model))
    return judge(comparisons, card.precision)


def measure_colours(artifact: Artifact, model: LIIF, zoom: int = 2) -> Comparison:
    """The artifact on a page of pure colours against ``model`` in fp32; one of any scale at ``zoom``."""
    return _measure_page(artifact, model, "pure colours", colour_page, zoom)


def measure_patterns(artifact: Artifact, model: LIIF) -> Comparison:
    """The artifact on a page of checks and stripes of single pixels of pure colours against ``model`` in
    fp32; one of any scale at ×2."""
    return _measure_page(artifact, model, "fine patterns", pattern_page, 2)


def _measure_page(
    artifact: Artifact, model: LIIF, name: str, page: Callable[[int], Float], zoom: int
) -> Comparison:
    """``page``: draws one of at least so many pixels a side; ``zoom``: the scale of an any-scale artifact."""
    side = max(artifact.card.tile.fixed or 0, EXTREME_SIDE)
    return _measure(artifact, model, name, page(side), zoom if artifact.card.scale == "any" else None)


@dataclass(frozen=True)
class RouteCheck:
    """How far predictions of a gain, as log2, are from the router's in fp32, on average over windows."""

    mean_abs: float

    @property
    def failures(self) -> list[str]:
        """A line if that is too far; NaN always is."""
        if self.mean_abs <= ROUTE_OFF:
            return []
        return [
            f"route: expected predictions within {ROUTE_OFF} of the router's on average, "
            f"found {self.mean_abs:.2f}"
        ]


def check_route(artifact: Artifact, router: Router) -> RouteCheck:
    """Predictions of ``artifact`` against those of its ``router`` in fp32, for windows as large as in the
    middle of a picture and others as in its corner."""
    config = router.config
    whole, cut = config.window, config.cell + config.halo
    windows = [
        np.ascontiguousarray(tile[:, :, :side, :side])
        for tile in calibration_tiles(None)
        for side in (whole, cut)
    ]
    with torch.no_grad():
        off = [abs(artifact.route(each) - router(torch.from_numpy(each)).item()) for each in windows]
    return RouteCheck(float(np.mean(off)))


def router_in(card: Card, path: Path) -> Router:
    """The router in the file ``path``, which went into the artifact of ``card``. Raises CheckpointError for
    what is none, BadInput for an artifact without a router or with another one."""
    routing, router = routing_of(card), load_router(path)
    config = router.config
    found = (config.smaller, config.bigger, config.cell, config.halo, list(config.thresholds))
    expected = (card.checkpoint.sha256, routing.bigger, routing.cell, routing.halo, routing.thresholds)
    if found != expected:
        raise BadInput(f"{path}: expected the router that {card.name} has, found another one")
    return router


def _measure(artifact: Artifact, model: LIIF, name: str, lr: Float, zoom: float | None) -> Comparison:
    """``zoom``: the scale of an any-scale artifact, None for others."""
    size = None if zoom is None else (round(zoom * lr.shape[1]), round(zoom * lr.shape[2]))
    sr = upscale(artifact, lr, size, halo=artifact.card.tile.full_halo)
    return compare(name, sr, fp32_picture(model, lr, (sr.shape[1], sr.shape[2])), lr)
