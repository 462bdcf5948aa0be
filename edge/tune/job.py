"""The settings of a search; what cannot be followed is refused without PyTorch."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edge.backends.table import BACKENDS
from edge.card import Precision
from edge.errors import BadInput, MissingDependency
from edge.recipe import ArtifactSpec
from models.picture_files import picture_files, split_pictures

HELD_OUT = 8  # pictures of --data that losses are measured on, and training recipes hold out as well

By = Literal["time", "macs"]


@dataclass(frozen=True)
class TuneJob:
    """What to search. ``by``: what is minimised beside the loss; ``max_loss``: dB; ``trials``: in the
    whole study; ``data``: HR pictures, None for the built-in ones; ``calibration``: of int8 builds;
    ``batches``: of four patches, to measure importance on.

    Raises BadInput for values that cannot be followed, and MissingDependency for time where programs of
    the target are interpreted.
    """

    checkpoint: Path
    out: Path
    target: str
    precisions: tuple[Precision, ...]
    scale: Literal[2, 3, 4] = 2
    by: By = "time"
    max_loss: float = 0.05
    trials: int = 20
    data: Path | None = None
    calibration: Path | None = None
    batches: int = 64

    def __post_init__(self) -> None:
        if not 0 <= self.max_loss < math.inf:
            raise BadInput(f"expected a loss of 0 dB or more, found {self.max_loss:g}")
        for name in ("trials", "batches"):
            if getattr(self, name) < 1:
                raise BadInput(f"expected at least 1 of {name}, found {getattr(self, name)}")
        for precision in self.precisions:
            ArtifactSpec(self.scale, precision, self.target)  # raises for what does not exist
        if self.by == "macs" and len(self.precisions) > 1:
            raise BadInput("expected one precision with macs, which all precisions have alike")
        if self.by == "time" and not BACKENDS[self.target].can_time():
            raise MissingDependency(
                "expected macOS to time Core ML packages on, found none: --by macs counts multiplications"
            )


def split_pictures_of(data: Path | None) -> tuple[list[Path] | None, list[Path] | None]:
    """(pictures that importance is measured on, pictures that losses are), None for the built-in ones.

    The same split as in training: what losses are measured on is held out there, too.
    """
    if data is None:
        return None, None
    files = picture_files(data)
    if len(files) < 2:
        raise BadInput(f"{data}: expected at least 2 pictures, one to learn from and one to measure on")
    return split_pictures(files, min(HELD_OUT, len(files) // 2))
