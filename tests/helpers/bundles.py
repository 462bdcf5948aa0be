"""Bundles of reference outputs, made at once."""

from collections.abc import Sequence

from edge.check.baseline import Bundle, bundle_of, run_reference
from models import LIIF
from models.arrays import Float


def make_bundle(model: LIIF, pictures: Sequence[tuple[str, Float]], scale: float) -> Bundle:
    """Of the reference form on ``pictures`` (3, h, w)."""
    return bundle_of(run_reference(model, pictures, scale), model, scale)
