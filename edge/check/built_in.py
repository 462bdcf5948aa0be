"""An artifact against fp32 on built-in pictures: sample pictures and a page of pure colours."""

import numpy as np

from edge.check.comparison import CheckResult, Comparison, compare, judge
from edge.images.extremes import EXTREME_SIDE, colour_page
from edge.images.pictures import sample_pictures
from edge.run.artifact import Artifact
from edge.run.upscale import upscale
from models import LIIF
from models.arrays import Float
from models.liif.reference import fp32_picture

# What the sample pictures are enlarged by when an any-scale artifact is measured: no whole number.
MEASURED_ZOOM = 2.6

MEASURED_SIDE = 64  # LR pixels of the sample pictures then, for programs that take any tile


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
    side = max(artifact.card.tile.fixed or 0, EXTREME_SIDE)
    any_scale = artifact.card.scale == "any"
    return _measure(artifact, model, "pure colours", colour_page(side), zoom if any_scale else None)


def _measure(artifact: Artifact, model: LIIF, name: str, lr: Float, zoom: float | None) -> Comparison:
    """``zoom``: what an any-scale artifact enlarges by."""
    size = None if zoom is None else (round(zoom * lr.shape[1]), round(zoom * lr.shape[2]))
    sr = upscale(artifact, lr, size, halo=artifact.card.tile.full_halo)
    return compare(name, sr, fp32_picture(model, lr, (sr.shape[1], sr.shape[2])), lr)
