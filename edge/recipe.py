"""What to build: frozen, validated once, composed."""

from dataclasses import dataclass
from pathlib import Path

from edge.backends.coreml.backend import COREML
from edge.backends.table import DEFAULT_TARGET, backend_of
from edge.card import Precision, Scale
from edge.errors import BadInput
from edge.mixed_precision_config import MixedPrecisionConfig
from edge.precisions import CONFIGURABLE, MIXED
from models import DEFAULT_WEIGHTS, SCALES
from quantize.spec import DEFAULT, StaticSpec

# Tiles in LR pixels, halo included (docs/format/tiling.md has the measurements). XNNPACK prepares memory for
# the largest tile that a program takes, whatever tile comes: 256 costs 287 MB in fp32, 128 costs 123.
DEFAULT_TILE = 128
MAX_TILE = 256
DEFAULT_HALO = 8

# The largest factor that the paper evaluates (arXiv 2012.09161, table 1).
MAX_SCALE = 30.0


FAMILY = "liif"  # of the networks that recipes are for


def artifact_name(family: str, variant: str, precision: Precision, target: str) -> str:
    """Name of an artifact's folder."""
    return f"{family}-{variant}-{precision}-{target}"


@dataclass(frozen=True)
class ArtifactSpec:
    """One artifact. Raises BadInput for a scale, target or precision that does not exist."""

    scale: Scale
    precision: Precision
    target: str = DEFAULT_TARGET

    def __post_init__(self) -> None:
        if self.scale != "any" and self.scale not in SCALES:
            raise BadInput(f"expected a scale of 2, 3, 4 or any, found {self.scale}")
        precisions = backend_of(self.target).precisions
        if self.precision not in precisions:
            known = ", ".join(precisions)
            raise BadInput(f"expected a precision of {known} for {self.target}, found {self.precision}")

    @property
    def variant(self) -> str:
        """The network's variant: ``x2``, ``any``."""
        return "any" if self.scale == "any" else f"x{self.scale}"

    @property
    def can_route(self) -> bool:
        """Whether a router fits in: they learn at ×2."""
        return self.scale == 2

    @property
    def name(self) -> str:
        """Name of the artifact's folder."""
        return artifact_name(FAMILY, self.variant, self.precision, self.target)


@dataclass(frozen=True)
class Recipe:
    """Artifacts of one checkpoint. ``calibration``: a folder of pictures, None for the built-in ones.

    ``max_tile``: the largest tile that ``.pte`` programs take; ``tile``: the one size that Core ML
    programs take, and what ``upscale`` uses by default. ``probes``: with methods that return intermediate
    outputs, for checks. ``int8``: how ranges and weights of int8 programs are chosen; ``layers``: the bit
    widths of their layers, or of those of programs with mixed palettes. ``router``: a checkpoint of one whose
    smaller network this is, to go into the program.
    """

    artifacts: tuple[ArtifactSpec, ...]
    checkpoint: Path = DEFAULT_WEIGHTS
    calibration: Path | None = None
    max_tile: int = DEFAULT_TILE
    tile: int = DEFAULT_TILE
    halo: int = DEFAULT_HALO
    probes: bool = False
    int8: StaticSpec = DEFAULT
    layers: MixedPrecisionConfig | None = None
    router: Path | None = None

    def __post_init__(self) -> None:
        if self.router is not None and not all(spec.can_route for spec in self.artifacts):
            raise BadInput("expected artifacts at ×2 to put a router in, found others")
        precisions = [spec.precision for spec in self.artifacts]
        if self.layers is not None and not any(precision in CONFIGURABLE for precision in precisions):
            known = " or ".join(CONFIGURABLE)
            raise BadInput(
                f"expected an artifact in {known} to choose layers of, found none; see --precision"
            )
        if self.layers is None and MIXED in precisions:
            raise BadInput("expected layers for palette-mixed, found none; see liif-edge sensitivity")
        if not 2 * self.halo < self.tile <= self.max_tile <= MAX_TILE:
            raise BadInput(
                f"expected a tile larger than two halos of {self.halo} and up to "
                f"{min(self.max_tile, MAX_TILE)}, "
                f"found {self.tile}"
            )


DEFAULT_RECIPE = Recipe(
    (
        ArtifactSpec(2, "int8"),
        ArtifactSpec(2, "fp32"),
        ArtifactSpec("any", "fp32"),
        ArtifactSpec(2, "fp16", COREML.name),
    )
)


def check_scale(scale: float) -> float:
    """``scale`` if it can be upscaled by. Raises BadInput otherwise, for NaN too."""
    if not 1 <= scale <= MAX_SCALE:
        raise BadInput(f"expected a scale from 1 to {MAX_SCALE:g}, found {scale:g}")
    return scale
