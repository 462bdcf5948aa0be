"""Artifacts of the embedded weights that come with the package (``make artifacts`` builds them)."""

from functools import cache
from os import PathLike
from pathlib import Path

from edge.card import Precision, Scale
from edge.card_reader import read_card
from edge.errors import BadInput
from edge.recipe import ArtifactSpec
from models import EMBEDDED

# In place of a name of theirs: choose by the picture (edge/run/weights.py).
AUTO = "auto"

# The artifact of these at ×2 has a router, which sends cells of a picture to `baseline`.
ROUTED = "fast"

_ARTIFACTS = Path(__file__).parent / "artifacts"

# By ranges of each tile's own a small network takes a seventh more time. It loses a fifth as much, and
# holds checks and stripes of single pixels, which leave the ranges of a static program (docs/design/int8.md).
_DYNAMIC = tuple(EMBEDDED[name] for name in ("fast", "tiny", "photo", "screen"))


def embedded_precision(checkpoint: Path) -> Precision:
    """Of the artifacts of ``checkpoint`` that come with the package; for one that is not embedded: int8."""
    return "int8-dynamic" if checkpoint in _DYNAMIC else "int8"


def routed_weights(asked: str | PathLike[str], precision: Precision | None) -> str:
    """Embedded weights for an effort or a budget where no artifact is given: ROUTED, which AUTO is then, too.

    Raises BadInput where others are ``asked`` for, and for another ``precision`` than they come in: what is
    built on first use has no router.
    """
    if asked not in (AUTO, ROUTED):
        raise BadInput(f"expected an artifact with a router for an effort or a budget, found {asked} alone")
    own = embedded_precision(EMBEDDED[ROUTED])
    if precision not in (None, own):
        raise BadInput(
            f"expected {own}, the precision of {ROUTED} with a router, for an effort or a budget, "
            f"found {precision}"
        )
    return ROUTED


def embedded_artifact(checkpoint: Path, spec: ArtifactSpec) -> Path | None:
    """Folder of the artifact ``spec`` of ``checkpoint``, if both come with the package.

    A test holds that each is of the weights in ``models/weights``: they need not be read here.
    """
    for name, weights in EMBEDDED.items():
        folder = _ARTIFACTS / name / spec.name
        if checkpoint == weights and folder.is_dir():
            return folder
    return None


def shipped_artifact(name: str, scale: Scale) -> Path:
    """Folder of the artifact of embedded weights that comes with the package, at ×2 or any scale."""
    checkpoint = EMBEDDED[name]
    folder = embedded_artifact(checkpoint, ArtifactSpec(scale, embedded_precision(checkpoint)))
    assert folder is not None, f"{name} comes at ×2 and any scale, not at {scale}"
    return folder


@cache
def embedded_name(sha256: str) -> str | None:
    """The embedded weights with this SHA-256 by name, as the cards of their artifacts have it, or None."""
    for name in EMBEDDED:
        cards = (read_card(folder) for folder in sorted((_ARTIFACTS / name).glob("liif-*")))
        if any(card.checkpoint.sha256 == sha256 for card in cards):
            return name
    return None
