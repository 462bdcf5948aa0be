"""The search over widths and precision: multi-objective, its study in a folder, resumable.

The folder holds ``study.db`` (SQLite; finished trials only), ``importance.safetensors`` and
``reference`` (the unpruned fp32 artifact, by which others are timed).
"""

import hashlib
import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from torch import Tensor

from edge.artifact import Artifact
from edge.candidate import Candidate, least_percent, make_network, set_ensemble
from edge.card import Precision, Target
from edge.errors import BadInput, ExportError, MissingDependency
from edge.image_file import write_image
from edge.importance import importance_on, read_importance, write_importance
from edge.pictures import built_in_pictures
from edge.pipeline import build_artifact
from edge.recipe import ArtifactSpec, Recipe
from edge.yardstick import TILES, Measurement, Time, Yardstick, can_time, measured_pairs
from models import LIIF, checkpoint_hash, load_checkpoint
from models.patches import picture_files
from models.training import split_pictures
from quantize.pruning import Layer

if TYPE_CHECKING:
    import optuna

STUDY_FILE, IMPORTANCE_FILE, REFERENCE = "study.db", "importance.safetensors", "reference"
STUDY = "tune"  # its name in the database

# Percent of a part's multiplications, in steps. Below these the embedded weights lose some 0.2 dB (encoder)
# and 0.8 dB (decoder) on photographs without fine-tuning.
LEAST_ENCODER, LEAST_DECODER, STEP = 20, 40, 5

HELD_OUT = 8  # pictures of --data that losses are measured on, and training recipes hold out as well
RANDOM_TRIALS = 2  # after the first ones, before the sampler has enough to go by

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
    target: Target
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
        if self.by == "time" and not can_time(self.target):
            raise MissingDependency(
                "expected macOS to time Core ML packages on, found none: --by macs counts multiplications"
            )


@dataclass(frozen=True)
class Point:
    """A candidate that was built and measured. ``ms``: per output megapixel, its share of the shortest
    time that the study found for the reference; None where programs are interpreted."""

    candidate: Candidate
    measured: Measurement
    ms: float | None


@dataclass(frozen=True)
class Findings:
    """Of all trials so far. ``front``: within the loss, none of them beaten in both objectives, cheapest
    first; ``points``: every one built; ``over``: (candidate, its loss in fp32) of those not built because
    that alone was too much; ``failed``: (candidate, why) of those whose program was no good."""

    front: tuple[Point, ...]
    points: tuple[Point, ...]
    over: tuple[tuple[Candidate, float], ...]
    failed: tuple[tuple[Candidate, str], ...]

    @property
    def trials(self) -> int:
        """How many there were."""
        return len(self.points) + len(self.over) + len(self.failed)


class Search:
    """A study in ``job.out``, begun or gone on with.

    Raises BadInput for a folder with another study, MissingDependency without Optuna.
    """

    def __init__(self, job: TuneJob, note: Callable[[str], None] = lambda _: None) -> None:
        self.job, self.note = job, note
        self.model = load_checkpoint(job.checkpoint)
        self._learned_on, measured_on = _split(job.data)
        self._pairs = measured_pairs(measured_on, job.scale)
        self._study = _open_study(job, _identity(job, self.model, self._learned_on, measured_on))

    def findings(self) -> Findings:
        """What the study holds."""
        from optuna.trial import TrialState

        built, over, failed = [], [], []
        for trial in self._study.trials:
            candidate = Candidate(**trial.params)
            if trial.state == TrialState.COMPLETE:
                built.append((candidate, _measurement(trial.user_attrs["measured"])))
            elif trial.state == TrialState.PRUNED:
                over.append((candidate, trial.user_attrs["loss_in_fp32"]))
            else:
                failed.append((candidate, trial.user_attrs["error"]))
        times = [measured.time for _, measured in built if measured.time is not None]
        shortest = min((time.reference_ms for time in times), default=0.0)
        points = [
            Point(candidate, measured, None if measured.time is None else measured.time.share * shortest)
            for candidate, measured in built
        ]
        best = {tuple(trial.values) for trial in self._study.best_trials}
        # By their values: shares that come to the same widths are one network.
        front = {(self.cost(point.measured), point.measured.loss): point for point in reversed(points)}
        ordered = [point for (cost, loss), point in sorted(front.items()) if (loss, cost) in best]
        return Findings(tuple(ordered), tuple(points), tuple(over), tuple(failed))

    def run(self) -> Findings:
        """Trials until the study has as many as the job wants; one that is interrupted leaves nothing."""
        if len(self._study.trials) < self.job.trials:
            importance = self.importance()
            yardstick = Yardstick(self.model, self._pairs, self._reference())
            while (done := len(self._study.trials)) < self.job.trials:
                self._study.add_trial(self._trial(done, importance, yardstick))
        return self.findings()

    def importance(self, on_batch: Callable[[], None] = lambda: None) -> dict[Layer, Tensor]:
        """Of every channel: measured once, ``on_batch`` called for each batch, then read from the folder."""
        path = self.job.out / IMPORTANCE_FILE
        if path.exists():
            return read_importance(path, self.model)
        with tempfile.TemporaryDirectory() as folder:
            pictures = self._learned_on or _write_built_in(Path(folder))
            importance = importance_on(pictures, self.model, "all", self.job.batches, on_batch)
        write_importance(path, importance)
        return importance

    def cost(self, measured: Measurement) -> float:
        """What is minimised beside the loss."""
        if self.job.by == "macs":
            return measured.macs
        assert measured.time is not None  # the job was checked
        return measured.time.share

    def _reference(self) -> Artifact | None:
        if not can_time(self.job.target):
            return None
        folder = self.job.out / REFERENCE
        if not folder.exists():
            self.note("building the unpruned fp32 program, by which others are timed")
            self._build(self.model, "fp32", folder)
        return Artifact.open(folder)

    def _trial(
        self, number: int, importance: dict[Layer, Tensor], yardstick: Yardstick
    ) -> "optuna.trial.FrozenTrial":
        """The study's next trial, finished."""
        from optuna.trial import TrialState, create_trial

        asked = self._ask(number)
        candidate = Candidate(**asked.params)
        self.note(f"trial {number + 1} of {self.job.trials}: {candidate}")
        network = make_network(self.model, importance, candidate, self.job.scale)
        loss = yardstick.loss_in_fp32(network)
        known: dict[str, Any] = {"params": asked.params, "distributions": asked.distributions}
        if loss > self.job.max_loss:
            self.note(f"loses {loss:.3f} dB in fp32 already, not built")
            return create_trial(
                state=TrialState.PRUNED,
                user_attrs={"loss_in_fp32": loss},
                constraints={"loss": loss - self.job.max_loss},
                **known,
            )
        try:
            measured = self._measured(candidate, network, yardstick)
        except ExportError as error:
            self.note(str(error))
            return create_trial(state=TrialState.FAIL, user_attrs={"error": str(error)}, **known)
        time = "" if measured.time is None else f", takes {measured.time.share:.0%} of the time"
        self.note(f"loses {measured.loss:.3f} dB{time}")
        return create_trial(
            values=[measured.loss, self.cost(measured)],
            user_attrs={"loss_in_fp32": loss, "measured": asdict(measured)},
            constraints={"loss": measured.loss - self.job.max_loss},
            **known,
        )

    def _measured(self, candidate: Candidate, network: LIIF, yardstick: Yardstick) -> Measurement:
        for point in self.findings().points:
            if point.candidate == candidate:  # the sampler may come back to what it knows
                return point.measured
        with tempfile.TemporaryDirectory() as folder:
            artifact = Path(folder) / "artifact"
            self._build(network, candidate.precision, artifact)
            return yardstick.measure(Artifact.open(artifact))

    def _build(self, network: LIIF, precision: Precision, folder: Path) -> None:
        job = self.job
        spec = ArtifactSpec(job.scale, precision, job.target)
        recipe = Recipe((spec,), job.checkpoint, job.calibration, tile=TILES[job.target])
        build_artifact(network, recipe, spec, folder)

    def _ask(self, number: int) -> "optuna.Trial":
        """What the sampler would try next: a function of the trials so far, so that a study that was
        interrupted goes on as it would have. Asked of a copy: the study takes finished trials only."""
        import optuna

        starts = self._starts()
        sampler = optuna.samplers.TPESampler(
            seed=number, multivariate=True, n_startup_trials=len(starts) + RANDOM_TRIALS
        )
        copy = optuna.create_study(sampler=sampler, directions=self._study.directions)
        copy.add_trials(self._study.trials)
        if number < len(starts):
            copy.enqueue_trial(asdict(starts[number]))
        return copy.ask(self._space())

    def _starts(self) -> list[Candidate]:
        """The network as it is, in each precision, with and without local ensemble."""
        return [Candidate(100, 100, *choice) for choice in product(self._ensembles(), self.job.precisions)]

    def _ensembles(self) -> tuple[bool, ...]:
        return (True, False) if self.model.config.local_ensemble else (False,)

    def _space(self) -> "dict[str, optuna.distributions.BaseDistribution]":
        from optuna.distributions import CategoricalDistribution, IntDistribution

        ensembles = self._ensembles()
        # Without local ensemble the narrowest decoder is a larger share.
        config = set_ensemble(self.model.config, ensembles[-1])
        encoder, decoder = (-(-least // STEP) * STEP for least in least_percent(config, self.job.scale))
        return {
            "encoder": IntDistribution(max(encoder, LEAST_ENCODER), 100, step=STEP),
            "decoder": IntDistribution(max(decoder, LEAST_DECODER), 100, step=STEP),
            "local_ensemble": CategoricalDistribution(ensembles),
            "precision": CategoricalDistribution(self.job.precisions),
        }


def _measurement(stored: dict[str, Any]) -> Measurement:
    time = stored["time"]
    return Measurement(**{**stored, "time": None if time is None else Time(**time)})


def _split(data: Path | None) -> tuple[list[Path] | None, list[Path] | None]:
    """(pictures that importance is measured on, pictures that losses are), None for the built-in ones.

    The same split as in training: what losses are measured on is held out there, too.
    """
    if data is None:
        return None, None
    files = picture_files(data)
    if len(files) < 2:
        raise BadInput(f"{data}: expected at least 2 pictures, one to learn from and one to measure on")
    return split_pictures(files, min(HELD_OUT, len(files) // 2))


def _write_built_in(folder: Path) -> list[Path]:
    paths = []
    for number, picture in enumerate(built_in_pictures()):
        paths.append(folder / f"{number}.png")
        write_image(paths[-1], picture)
    return paths


def _identity(
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
    }


def _hash(pictures: Sequence[Path] | None) -> str:
    """Of the pictures' names and contents."""
    if pictures is None:
        return "built-in"
    digest = hashlib.sha256()
    for path in pictures:
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _open_study(job: TuneJob, identity: dict[str, object]) -> "optuna.Study":
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
