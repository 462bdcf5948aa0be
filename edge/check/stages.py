"""Where an artifact leaves the fp32 reference: every stage of the network against a baseline bundle.

A picture passes ``STAGES`` in this order. An artifact built with ``--probes`` has a method for each of the
first three, which shares its weights with the method that upscales; any artifact has the last two.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np

from edge.card import Precision
from edge.check.baseline import BaselineTile, Bundle
from edge.check.comparison import CheckResult, compare, judge
from edge.check.device_outputs import DeviceOutputs
from edge.images.metrics import psnr, psnr_of_all
from edge.precisions import NUMERICS
from edge.run.artifact import Artifact
from edge.run.upscale import upscale
from edge.work import Work
from models.arrays import Float
from models.liif.coordinates import well_posed

Stage = Literal["input", "features", "colours", "tile", "picture"]

STAGES: dict[Stage, str] = {
    "input": "the colours as the program received them",
    "features": "the encoder's features",
    "colours": "the colours of every evaluation, before blending",
    "tile": "a blended tile, halo in full",
    "picture": "a picture stitched of smaller tiles, the card's halo",
}

# What a stage gave for one tile, without a batch axis.
StageOutput = tuple[Stage, Float]

# A correction explains an error if it leaves less than a tenth of it.
EXPLAINS = 0.1

# Reported for equal tiles where infinity cannot be: the 5th percentile, and JSON.
EQUAL_DB = 200.0


@dataclass(frozen=True)
class TileError:
    """One tile at one stage. PSNR in dB at the stage's peak; errors in the stage's own units."""

    name: str
    psnr_db: float
    mean_abs: float
    max_abs: float


@dataclass(frozen=True)
class StageResult:
    """All tiles at one stage. ``peak``: 1.0 for colours, the largest magnitude for features."""

    stage: Stage
    peak: float
    tiles: tuple[TileError, ...]
    limit_db: float
    failures: tuple[str, ...]
    hint: str = ""

    @property
    def passed(self) -> bool:
        """Whether every tile stayed within the threshold; NaN never does."""
        return not self.failures

    @property
    def psnr_db(self) -> float:
        """Of the mean squared error over all tiles; infinite if all are equal, NaN with a NaN."""
        return psnr_of_all(tile.psnr_db for tile in self.tiles)

    @property
    def percentile_5_db(self) -> float:
        """The 5th percentile of the tiles' PSNR: how bad the bad ones are."""
        return float(np.percentile([min(tile.psnr_db, EQUAL_DB) for tile in self.tiles], 5))

    @property
    def mean_abs(self) -> float:
        """Mean over tiles of equal weight."""
        return float(np.mean([tile.mean_abs for tile in self.tiles]))

    @property
    def max_abs(self) -> float:
        """Largest difference of any value."""
        return float(np.max([tile.max_abs for tile in self.tiles]))

    @property
    def worst(self) -> TileError:
        """The tile with the lowest PSNR; one with NaN before all others."""
        return min(self.tiles, key=lambda tile: -math.inf if math.isnan(tile.psnr_db) else tile.psnr_db)


@dataclass(frozen=True)
class TilePicture:
    """A tile to look at: input (3, h, w), the reference and what the artifact made of it (3, H, W)."""

    name: str
    lr: Float
    baseline: Float
    found: Float


@dataclass(frozen=True)
class StagedCheck:
    """Every stage that the artifact has, the measures of its tiles, and the tiles themselves."""

    stages: tuple[StageResult, ...]
    tiles: CheckResult
    pictures: tuple[TilePicture, ...]

    @property
    def passed(self) -> bool:
        """Whether every stage passed."""
        return self.first_failure is None

    @property
    def first_failure(self) -> StageResult | None:
        """The first stage that left its threshold: where to look."""
        return next((stage for stage in self.stages if not stage.passed), None)


def run_stages(artifact: Artifact, bundle: Bundle) -> Work[StageOutput]:
    """What every stage of ``artifact`` gives for every tile of ``bundle``, in the order of both.

    Raises BadInput for tiles that the artifact does not take.
    """
    runs = [(stage, tile) for stage in _stages_of(artifact, bundle) for tile in bundle.tiles]
    return Work(len(runs), ((stage, _run(artifact, stage, tile)) for stage, tile in runs))


def check_stages(artifact: Artifact, bundle: Bundle) -> StagedCheck:
    """Run every stage of ``artifact`` on every tile of ``bundle`` and compare."""
    return compare_stages(run_stages(artifact, bundle), bundle, artifact.card.precision)


def compare_outputs(outputs: DeviceOutputs, bundle: Bundle, precision: Precision) -> StagedCheck:
    """What a device wrote by itself, stage by stage, against ``bundle``."""
    ordered = ((stage, output) for stage in STAGES for output in outputs.stages.get(stage, ()))
    return compare_stages(ordered, bundle, precision, outputs.eight_bit)


def compare_stages(
    outputs: Iterable[StageOutput], bundle: Bundle, precision: Precision, eight_bit: bool = False
) -> StagedCheck:
    """``outputs``: one stage after the other, ``tile`` among them, each of every tile of ``bundle``."""
    results = []
    for stage, of_stage in groupby(outputs, lambda output: output[0]):
        found = [output for _, output in of_stage]
        limit = NUMERICS[precision].stages_db[stage]
        failures: Sequence[str] = ()
        if stage == "tile":
            named = list(zip(bundle.tiles, found, strict=True))
            tiles = judge(
                (compare(t.name, sr, t.sr, t.lr) for t, sr in named),
                precision,
                eight_bit,
            )
            failures, limit = tiles.failures, tiles.threshold.psnr_db
            pictures = tuple(TilePicture(t.name, t.lr, t.sr, sr) for t, sr in named)
        results.append(judge_stage(stage, bundle.tiles, found, limit, failures))
    return StagedCheck(tuple(results), tiles, pictures)


def judge_stage(
    stage: Stage,
    tiles: Sequence[BaselineTile],
    found: Sequence[Float],
    limit_db: float,
    failures: Sequence[str] = (),
) -> StageResult:
    """What was ``found`` at ``stage`` for each of ``tiles``, against their reference.

    ``failures``: what other measures have found already. The result has a hint if a known mistake,
    such as reversed channels, explains the error.
    """
    expected = [_reference(stage, tile) for tile in tiles]
    peak = max(float(np.abs(e).max()) for e in expected) if stage == "features" else 1.0
    errors, hint = [], ""
    said = list(failures)
    for tile, e, f in zip(tiles, expected, found, strict=True):
        a, b = (_comparable(stage, tile, values) for values in (f, e))
        difference = np.abs(a - b)
        errors.append(
            TileError(tile.name, psnr(a, b, peak), float(difference.mean()), float(difference.max()))
        )
        if not errors[-1].psnr_db >= limit_db:
            said.append(f"{tile.name}: expected a PSNR of {limit_db:g} dB, found {errors[-1].psnr_db:.2f}")
            hint = hint or explain(f, e)
    # The tile's own PSNR stands among the measures of ``check.judge`` already: said once.
    return StageResult(stage, peak, tuple(errors), limit_db, tuple(dict.fromkeys(said)), hint)


def explain(found: Float, expected: Float) -> str:
    """The common mistake that turns ``expected`` into ``found``, both (C, H, W); empty if none does."""
    if not np.isfinite(found).all():
        share = 1 - float(np.isfinite(found).mean())
        return f"{100 * share:.3g} % of the values are NaN or infinite"
    error = float(np.sqrt(np.mean((found - expected) ** 2)))
    candidates: dict[str, tuple[Float, Float]] = {
        "the range seems to be [0, 255], not [0, 1]": (found / np.float32(255), expected),
        "the range seems to be [-1, 1], not [0, 1]": (found * np.float32(0.5) + np.float32(0.5), expected),
        "the sign seems to be flipped": (-found, expected),
    }
    if found.shape[0] == 3:
        candidates["the channels seem to be reversed (BGR)"] = (found[::-1], expected)
    for axis, (name_less, name_more) in ((1, ("up", "down")), (2, ("left", "right"))):
        if found.shape[axis] > 2:
            head = [slice(None)] * 3
            tail = [slice(None)] * 3
            head[axis], tail[axis] = slice(None, -1), slice(1, None)
            h, t = tuple(head), tuple(tail)
            candidates[f"the picture seems to be shifted {name_less} by one pixel"] = (found[h], expected[t])
            candidates[f"the picture seems to be shifted {name_more} by one pixel"] = (found[t], expected[h])
    for text, (a, b) in candidates.items():
        if float(np.sqrt(np.mean((a - b) ** 2))) < EXPLAINS * error:
            return text
    return ""


def _stages_of(artifact: Artifact, bundle: Bundle) -> list[Stage]:
    """The stages that both sides have."""
    methods = {method.name for method in artifact.card.methods}
    has_colours = all(tile.colours is not None for tile in bundle.tiles)
    return [
        stage
        for stage in STAGES
        if stage in ("tile", "picture") or (stage in methods and (stage != "colours" or has_colours))
    ]


def _run(artifact: Artifact, stage: Stage, tile: BaselineTile) -> Float:
    card, size = artifact.card, (tile.sr.shape[1], tile.sr.shape[2])
    if stage == "tile":
        return upscale(artifact, tile.lr, size, halo=card.tile.full_halo)
    if stage == "picture":
        # Three quarters of the picture: four tiles, of which each pixel needs its halo.
        side = card.tile.fixed or min(card.tile.maximum, 3 * max(tile.lr.shape[1:]) // 4)
        return upscale(artifact, tile.lr, size, tile=max(side, 2 * card.tile.halo + 1))
    (found,) = artifact.stage(stage, tile.lr[None])
    return np.asarray(found, np.float32)


def _reference(stage: Stage, tile: BaselineTile) -> Float:
    if stage == "colours":
        assert tile.colours is not None  # see ``_stages_of``
        return tile.colours
    if stage == "input":
        return tile.lr
    return tile.features if stage == "features" else tile.sr


def _comparable(stage: Stage, tile: BaselineTile, values: Float) -> Float:
    """Of a picture what a screen shows, where the reference is well posed; of other stages everything."""
    if stage not in ("tile", "picture"):
        return values
    rows, columns = (
        well_posed(n_in, n_out) for n_in, n_out in zip(tile.lr.shape[1:], tile.sr.shape[1:], strict=True)
    )
    return np.asarray(values[:, rows][:, :, columns].clip(0, 1), np.float32)
