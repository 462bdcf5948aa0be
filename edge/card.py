"""``card.json``: all that an app must know to use an artifact.

docs/format/artifact.md describes every field.
"""

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

CARD_FILE = "card.json"
SCHEMA_VERSION = 1

# LR pixels. Zeros around a picture of this side or more move flat colours no farther than at the border of
# a large one, around a smaller picture up to 120 of 255 (measured in docs/format/tiling.md).
LARGEST_EXTENSION = 8

# LR pixels a side that a router needs at least. A cell, of one pixel perhaps, has as many with a halo on one
# side, and a picture that ends on both is extended to as many.
SMALLEST_WINDOW = 8

Scale = Literal[2, 3, 4, "any"]
Precision = Literal[
    "fp32", "fp16", "int8", "int8-dynamic", "int8-weights", "palette6", "palette4", "palette-mixed"
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class TensorCard(_Part):
    """A float32 tensor at a program's door; a text in ``shape`` names a dimension that varies."""

    name: str
    shape: list[int | str]
    dtype: Literal["float32"] = "float32"
    range: list[float] | None = None


class MethodCard(_Part):
    """One entry point: the file or package that holds it, what it takes and what it returns."""

    name: str
    program: str
    inputs: list[TensorCard]
    output: TensorCard


class TileCard(_Part):
    """Tiles in LR pixels, halo included. ``fixed``: the one size that the program takes, else null."""

    maximum: int = Field(ge=1)
    default: int = Field(ge=1)
    halo: int = Field(ge=0)
    full_halo: int = Field(ge=0)
    fixed: int | None = None

    @property
    def smallest_side(self) -> int:
        """LR pixels to which a picture's shorter axes are extended (docs/format/tiling.md).

        0 for a program that takes one size: it refuses every picture smaller than that.
        """
        return min(self.halo, LARGEST_EXTENSION) if self.fixed is None else 0


class DecodingCard(_Part):
    """What the host must know to gather and to blend for an any-scale artifact."""

    local_ensemble: bool
    cell_decode: bool
    max_rows: int = Field(ge=1)


class RoutingCard(_Part):
    """What a host must know to send parts of a picture to a bigger network (docs/design/routing.md).

    ``method``: it predicts, for a cell with ``halo`` LR pixels around it, log2 of the squared error that the
    network of the checkpoint ``bigger`` (SHA-256) takes away of this one's, with ``eps`` added; ``cell``: the
    longest side of cells, LR pixels; ``thresholds``: 101 predictions, of which number e is exceeded by e
    percent of the cells of the photographs that the router learned from. ``window``: the one side of what the
    method takes, LR pixels, and then it takes ``inside``, too (``models.liif.cells.fit_window``); None if it
    takes windows of any size, and in older cards.
    """

    method: str
    cell: int = Field(ge=1)
    halo: int = Field(ge=SMALLEST_WINDOW)
    eps: float = Field(gt=0)
    bigger: str
    thresholds: list[float] = Field(min_length=101, max_length=101)
    window: int | None = None

    @property
    def largest(self) -> int:
        """LR pixels a side of the largest window: a cell with its halo."""
        return self.cell + 2 * self.halo


class QuantisationCard(_Part):
    """How a program with int8 layers, or with weights in palettes, was made. ``equalized``: whether its
    weights carry the factors of ``models.liif.equalization``; False in older cards, which do not say."""

    scheme: str
    calibration: str
    quantised_layers: int = Field(ge=1)
    float_layers: list[str]
    equalized: bool = False


class CheckpointCard(_Part):
    """The network: SHA-256 of its configuration and weights, and how many parameters it has."""

    sha256: str
    parameters: int = Field(ge=1)


class ProgramCard(_Part):
    """Of the program's file, or of all files of its package in the order of their names."""

    sha256: str
    bytes: int = Field(ge=1)


class MeasuredCard(_Part):
    """Against fp32 on ``on``, as measured when the artifact was built. PSNR in dB, peak 1.0; ``worst_block``
    and ``worst_flat`` in steps of 1/255, as ``edge.check.comparison`` has them; ``worst_pattern``: of a block
    of the finest patterns of pure colours, which are not in ``on``. None in older cards."""

    psnr_db: float
    max_abs: float
    on: str
    worst_block: float | None = None
    worst_flat: float | None = None
    worst_pattern: float | None = None


class ArtifactCard(_Part):
    """What the card of any network's artifact says: its programs, and what they were made of. ``target``:
    the back end that runs them."""

    schema_version: Literal[1]
    name: str
    target: str
    precision: Precision
    methods: list[MethodCard] = Field(min_length=1)
    quantisation: QuantisationCard | None
    checkpoint: CheckpointCard
    programs: dict[str, ProgramCard] = Field(min_length=1)
    versions: dict[str, str]

    @model_validator(mode="after")
    def _programs_exist(self) -> "ArtifactCard":
        for method in self.methods:
            if method.program not in self.programs:
                raise ValueError(f"method {method.name} is in {method.program}, which programs does not list")
        if any(Path(name).name != name or name in ("", "..") for name in self.programs):
            raise ValueError("programs must be plain names inside the artifact's folder")
        return self

    def to_json(self) -> str:
        """The file's text."""
        return self.model_dump_json(indent=2) + "\n"


class Card(ArtifactCard):
    """The card of an artifact that upscales pictures. ``measured``: None while it is being built;
    ``routing``: None without a router, and in older cards."""

    scale: Scale
    tile: TileCard
    decoding: DecodingCard | None
    macs_per_output_pixel: int = Field(ge=1)
    measured: MeasuredCard | None
    routing: RoutingCard | None = None

    @model_validator(mode="after")
    def _decoding_fits(self) -> "Card":
        if (self.scale == "any") != (self.decoding is not None):
            raise ValueError("decoding belongs to any-scale artifacts, and to these only")
        return self

    @model_validator(mode="after")
    def _routing_fits(self) -> "Card":
        if self.routing is None:
            return self
        if self.scale == "any":
            raise ValueError("routing belongs to artifacts of a fixed scale")
        if (self.routing.window is None) != (self.tile.fixed is None):
            raise ValueError("routing.window belongs to artifacts of one tile size, and to these only")
        largest = self.routing.largest
        if self.routing.window is not None and self.routing.window < largest:
            raise ValueError(f"routing.window: expected a cell and two halos, {largest}, at least")
        if self.routing.halo > self.tile.halo:
            raise ValueError(f"routing.halo: expected at most the tile's {self.tile.halo}")
        if all(method.name != self.routing.method for method in self.methods):
            raise ValueError(f"routing.method: expected one of methods, found {self.routing.method}")
        return self


def hash_program(path: Path) -> ProgramCard:
    """Hash and size of a program: a file, or a package's files with their names, sorted."""
    digest, size = hashlib.sha256(), 0
    for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
        content = file.read_bytes()
        if file != path:
            digest.update(file.relative_to(path).as_posix().encode() + b"\0")
            digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)
        size += len(content)
    return ProgramCard(sha256=digest.hexdigest(), bytes=max(size, 1))
