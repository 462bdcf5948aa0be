"""The settings of a search and its Optuna study (SQLite), refused for other settings than its own."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from edge.backends.table import BACKENDS
from edge.card import Precision
from edge.errors import BadInput, MissingDependency
from edge.images.pictures import picture_files
from edge.recipe import ArtifactSpec
from models import LIIF, checkpoint_hash
from models.training.loop import split_pictures

if TYPE_CHECKING:
    import optuna

STUDY_FILE = "study.db"
STUDY = "tune"  # its name in the database

# What trials keep of a candidate has changed this often: those of an earlier study lack a part of it.
MEASURES = 2

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


def identity_of(
    job: TuneJob, model: LIIF, learned_on: Sequence[Path] | None, measured_on: Sequence[Path] | None
) -> dict[str, object]:
    """What a study is of: trials of another one cannot be compared with its own."""
    return {
        "checkpoint": checkpoint_hash(model),
        "target": job.target,
        "scale": job.scale,
        "precisions": list(job.precisions),
        "by": job.by,
        "max_loss": job.max_loss,
        "data": [_hash(learned_on), _hash(measured_on)],
        "calibration": _hash(None if job.calibration is None else picture_files(job.calibration)),
        "batches": job.batches,
        "measures": MEASURES,
    }


def _hash(pictures: Sequence[Path] | None) -> str:
    """Of the pictures' names and contents."""
    if pictures is None:
        return "built-in"
    digest = hashlib.sha256()
    for path in pictures:
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def open_study(job: TuneJob, identity: dict[str, object]) -> "optuna.Study":
    try:
        import optuna
        from sqlalchemy import URL
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError as error:
        raise MissingDependency("expected Optuna, found none: pip install 'liif-edge[tune]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    path = job.out / STUDY_FILE
    url = URL.create("sqlite", database=str(path)).render_as_string()
    try:
        job.out.mkdir(parents=True, exist_ok=True)
        study = optuna.create_study(
            storage=url, study_name=STUDY, directions=["minimize", "minimize"], load_if_exists=True
        )
    except (OSError, RuntimeError, SQLAlchemyError) as error:
        raise BadInput(f"{path}: expected a study or a place for one, found {_first_line(error)}") from error
    if not study.trials and "identity" not in study.user_attrs:
        study.set_user_attr("identity", identity)
    found = study.user_attrs.get("identity", {})
    other = [name for name, value in identity.items() if found.get(name) != value]
    if other:
        raise BadInput(
            f"{job.out}: expected a study of the same, found one of another {', '.join(other)}; "
            "--out takes another folder"
        )
    return study


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
