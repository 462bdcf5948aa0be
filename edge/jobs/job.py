"""One picture file to enlarge, and how; what came of it."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from edge.card import CARD_FILE, Precision
from edge.embedded import AUTO
from edge.errors import BadArtifact, BadInput, DiskFull
from edge.run.target import Target
from edge.upscaler import Enlarged, Output, Upscaler
from models import EMBEDDED


@dataclass(frozen=True)
class Job:
    """``source`` is to become ``output``, as large as ``target`` says; ``replace``: what lies there."""

    source: Path
    output: Path
    target: Target
    replace: bool = False


@dataclass(frozen=True)
class Result:
    """What came of ``job``, ``seconds`` after its start: a file, or the ``error`` why not, in one line."""

    job: Job
    seconds: float
    enlarged: Enlarged | None = None
    error: str = ""


@dataclass(frozen=True)
class Settings:
    """What the jobs of a run have in common; ``Upscaler`` and ``Output`` say what each means.

    Another process gets these, and opens programs of its own.
    """

    weights: str | Path = AUTO
    artifact: Path | None = None
    precision: Precision | None = None
    tile: int | None = None
    halo: int | None = None
    ensemble: bool = False
    output: Output = field(default_factory=Output)
    effort: int | None = None
    budget: float | None = None
    bigger: Path | None = None

    def upscaler(self, log: Callable[[str], None] = lambda _: None) -> Upscaler:
        """Which makes the pictures of these settings."""
        return Upscaler(
            self.weights,
            artifact=self.artifact,
            precision=self.precision,
            tile=self.tile,
            halo=self.halo,
            ensemble=self.ensemble,
            effort=self.effort,
            budget=self.budget,
            bigger=self.bigger,
            log=log,
        )

    def fingerprint(self, target: Target) -> str:
        """Equal where ``target`` and all that shapes the file are: options, artifacts, the checkpoint.

        Raises BadInput for an artifact or a checkpoint that cannot be read.
        """
        files = [folder / CARD_FILE for folder in (self.artifact, self.bigger) if folder is not None]
        if self.artifact is None and str(self.weights) not in (AUTO, *EMBEDDED):
            files.append(Path(self.weights))
        content = b""
        for file in files:
            try:
                content += hashlib.sha256(file.read_bytes()).digest()
            except OSError as error:
                raise BadInput(f"{file}: expected a file that can be read, found {error.strerror}") from error
        options = replace(self, output=replace(self.output, force=False))
        return hashlib.sha256(
            repr((options, target)).encode("utf-8", "surrogateescape") + content
        ).hexdigest()


def do(job: Job, settings: Settings, upscaler: Upscaler) -> Result:
    """``job``, done by an ``upscaler`` of ``settings``; the folder of its output is made.

    What is wrong with this picture is in the result. Raises what ends every other job, too: BadArtifact,
    DiskFull, MissingDependency, CheckpointError.
    """
    start = time.monotonic()
    enlarged, error = None, ""
    try:
        _make_folder(job.output.parent)
        output = replace(settings.output, force=job.replace)
        enlarged = upscaler.upscale_file(job.source, job.output, job.target, output)
    except (BadArtifact, DiskFull):
        raise
    except BadInput as found:
        error = str(found)
    except MemoryError:
        error = f"{job.source}: expected memory for the picture and its enlargement, found too little"
    return Result(job, time.monotonic() - start, enlarged, error)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{folder}: expected to make a folder, found {error.strerror}") from error
