"""The search over widths and precision: multi-objective, its study in a folder, resumable.

The folder holds ``study.db`` (SQLite; finished trials only), ``importance.safetensors`` and
``reference`` (the unpruned fp32 artifact, by which others are timed).
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.backends.table import BACKENDS
from edge.card import Precision
from edge.compress.channel_importance import importance_by_batch, read_importance, write_importance
from edge.errors import ExportError
from edge.images.image_file import write_image
from edge.images.pictures import built_in_pictures
from edge.pipeline import build_artifact
from edge.recipe import ArtifactSpec, Recipe
from edge.run.artifact import Artifact
from edge.super_resolution import build_of
from edge.tune.candidate import Candidate, least_percent, make_network
from edge.tune.job import TuneJob, split_pictures_of
from edge.tune.study import identity_of, open_study
from edge.tune.trial_metrics import Evaluator, Measurement, Time, Worst, measured_pairs, tile_of
from edge.work import Work
from models import LIIF, load_checkpoint
from models.liif.network import set_ensemble
from models.liif.pruning import Importance, mean_importance

if TYPE_CHECKING:
    import optuna

IMPORTANCE_FILE, REFERENCE = "importance.safetensors", "reference"

# Percent of a part's multiplications, in steps. Below these the embedded weights lose some 0.2 dB (encoder)
# and 0.8 dB (decoder) on photographs without fine-tuning.
LEAST_ENCODER, LEAST_DECODER, STEP = 20, 40, 5

RANDOM_TRIALS = 2  # after the first ones, before the sampler has enough to go by


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

    def __init__(self, job: TuneJob, log: Callable[[str], None] = lambda _: None) -> None:
        self.job, self.log = job, log
        self.model = load_checkpoint(job.checkpoint)
        self._learned_on, measured_on = split_pictures_of(job.data)
        self._pairs = measured_pairs(measured_on, job.scale)
        self._study = open_study(job, identity_of(job, self.model, self._learned_on, measured_on))

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
            evaluator = Evaluator(self.model, self._pairs, self._reference())
            while (done := len(self._study.trials)) < self.job.trials:
                self._study.add_trial(self._trial(done, importance, evaluator))
        return self.findings()

    def measure_importance(self) -> Work[Importance]:
        """Of every channel, batch by batch; after the last their mean is in the folder. Measured once: no
        batches for a folder that has it."""
        is_known = (self.job.out / IMPORTANCE_FILE).exists()
        return Work(0, iter(())) if is_known else Work(self.job.batches, self._importance_by_batch())

    def _importance_by_batch(self) -> Iterator[Importance]:
        batches = []
        with tempfile.TemporaryDirectory() as folder:
            pictures = self._learned_on or _write_built_in(Path(folder))
            for batch in importance_by_batch(pictures, self.model, "all", self.job.batches):
                batches.append(batch)
                yield batch
        write_importance(self.job.out / IMPORTANCE_FILE, mean_importance(batches))

    def importance(self) -> Importance:
        """Of every channel, as the folder has it; measured first where it has none."""
        for _ in self.measure_importance():
            pass
        return read_importance(self.job.out / IMPORTANCE_FILE, self.model)

    def cost(self, measured: Measurement) -> float:
        """What is minimised beside the loss."""
        if self.job.by == "macs":
            return measured.macs
        assert measured.time is not None  # the job was checked
        return measured.time.share

    def _reference(self) -> Artifact | None:
        if not BACKENDS[self.job.target].can_time():
            return None
        folder = self.job.out / REFERENCE
        if not folder.exists():
            self.log("building the unpruned fp32 program, by which others are timed")
            self._build(self.model, "fp32", folder)
        return Artifact.open(folder)

    def _trial(self, number: int, importance: Importance, evaluator: Evaluator) -> "optuna.trial.FrozenTrial":
        """The study's next trial, finished."""
        from optuna.trial import TrialState, create_trial

        asked = self._ask(number)
        candidate = Candidate(**asked.params)
        self.log(f"trial {number + 1} of {self.job.trials}: {candidate}")
        network = make_network(self.model, importance, candidate, self.job.scale)
        loss = evaluator.loss_in_fp32(network)
        known: dict[str, Any] = {"params": asked.params, "distributions": asked.distributions}
        if loss > self.job.max_loss:
            self.log(f"loses {loss:.3f} dB in fp32 already, not built")
            return create_trial(
                state=TrialState.PRUNED,
                user_attrs={"loss_in_fp32": loss},
                constraints={"loss": loss - self.job.max_loss},
                **known,
            )
        try:
            measured = self._measured(candidate, network, evaluator)
        except ExportError as error:
            self.log(str(error))
            return create_trial(state=TrialState.FAIL, user_attrs={"error": str(error)}, **known)
        time = "" if measured.time is None else f", takes {measured.time.share:.0%} of the time"
        self.log(f"loses {measured.loss:.3f} dB, pure colours within {measured.worst.flat:.2f} of 255{time}")
        return create_trial(
            values=[measured.loss, self.cost(measured)],
            user_attrs={"loss_in_fp32": loss, "measured": asdict(measured)},
            constraints={"loss": measured.loss - self.job.max_loss},
            **known,
        )

    def _measured(self, candidate: Candidate, network: LIIF, evaluator: Evaluator) -> Measurement:
        for point in self.findings().points:
            if point.candidate == candidate:  # the sampler may come back to what it knows
                return point.measured
        with tempfile.TemporaryDirectory() as folder:
            artifact = Path(folder) / "artifact"
            self._build(network, candidate.precision, artifact)
            return evaluator.measure(Artifact.open(artifact))

    def _build(self, network: LIIF, precision: Precision, folder: Path) -> None:
        job = self.job
        spec = ArtifactSpec(job.scale, precision, job.target)
        recipe = Recipe((spec,), job.checkpoint, job.calibration, tile=tile_of(job.target))
        build_artifact(build_of(network, recipe, spec), folder)

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
    return Measurement(
        **{**stored, "time": None if time is None else Time(**time), "worst": Worst(**stored["worst"])}
    )


def _write_built_in(folder: Path) -> list[Path]:
    paths = []
    for number, picture in enumerate(built_in_pictures()):
        paths.append(folder / f"{number}.png")
        write_image(paths[-1], picture)
    return paths
