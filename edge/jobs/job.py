"""Picture files to enlarge, and how; what came of each."""

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from edge.card import CARD_FILE, Precision
from edge.embedded import AUTO
from edge.errors import BadInput
from edge.run.target import Target
from edge.upscaler import Enlarged, Output, Rendition, Upscaler
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
    """What came of ``job``: a file, or the ``error`` why not, in one line. ``seconds``: of all jobs of its
    picture that were done together."""

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
        return hashlib.sha256(repr((self, target)).encode("utf-8", "surrogateescape") + content).hexdigest()


def by_picture(jobs: Iterable[Job]) -> list[tuple[Job, ...]]:
    """Jobs that follow each other and are of one picture, together."""
    return [tuple(of_one) for _, of_one in groupby(jobs, key=lambda job: job.source)]


def do(jobs: Sequence[Job], settings: Settings, upscaler: Upscaler) -> list[Result]:
    """``jobs`` of one picture, done by an ``upscaler`` of ``settings``; folders of outputs are made.

    What is wrong with this picture is in the results. Raises what ends every other job, too: BadArtifact,
    DiskFull, MissingDependency, CheckpointError.
    """
    start = time.monotonic()
    renditions = [Rendition(job.output, job.target, job.replace) for job in jobs]
    try:
        for job in jobs:
            _make_folder(job.output.parent)
    except BadInput as error:
        outcomes: dict[Rendition, Enlarged | BadInput] = dict.fromkeys(renditions, error)
    else:
        outcomes = upscaler.upscale_to_sizes(jobs[0].source, renditions, settings.output)
    seconds = time.monotonic() - start
    return [_result(job, seconds, outcomes[of]) for job, of in zip(jobs, renditions, strict=True)]


def _result(job: Job, seconds: float, outcome: Enlarged | BadInput) -> Result:
    if isinstance(outcome, BadInput):
        return Result(job, seconds, error=str(outcome))
    return Result(job, seconds, outcome)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{folder}: expected to make a folder, found {error.strerror}") from error
