"""The Optuna study of a search (SQLite), refused for other settings than its own."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge.errors import BadInput, MissingDependency
from edge.images.pictures import picture_files
from edge.tune.job import TuneJob
from models import LIIF, checkpoint_hash

if TYPE_CHECKING:
    import optuna

STUDY_FILE = "study.db"
STUDY = "tune"  # its name in the database

# What trials keep of a candidate has changed this often: those of an earlier study lack a part of it.
MEASURES = 2


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
