"""Where an artifact leaves the fp32 reference: every probe (an intermediate output, or the
result) against a baseline bundle.

A picture passes ``PROBES`` in this order. An artifact built with ``--probes`` has a method for each of the
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
from edge.images.metrics import EQUAL_DB, psnr, psnr_of_all
from edge.precisions import NUMERICS
from edge.run.artifact import Artifact
from edge.run.upscale import upscale
from edge.work import Work
from models.arrays import Float
from models.liif.coordinates import well_posed

Probe = Literal["input", "features", "colours", "tile", "picture"]

PROBES: dict[Probe, str] = {
    "input": "the colours as the program received them",
    "features": "the encoder's features",
    "colours": "the per-neighbour predictions of every decoder query, before blending",
    "tile": "a blended tile, halo in full",
    "picture": "an image stitched of smaller tiles, the card's halo",
}

# What a probe gave for one tile, without a batch axis.
ProbeOutput = tuple[Probe, Float]

# A correction explains an error if it leaves less than a tenth of it.
EXPLAINS = 0.1


@dataclass(frozen=True)
class TileError:
    """One tile at one probe. PSNR in dB at the probe's peak; errors in the probe's own units."""

    name: str
    psnr_db: float
    mean_abs: float
    max_abs: float


@dataclass(frozen=True)
class ProbeResult:
    """All tiles at one probe. ``peak``: 1.0 for colours, the largest magnitude for features."""

    probe: Probe
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
class ProbeCheck:
    """Every probe that the artifact has, the measures of its tiles, and the tiles themselves."""

    probes: tuple[ProbeResult, ...]
    tiles: CheckResult
    pictures: tuple[TilePicture, ...]

    @property
    def passed(self) -> bool:
        """Whether every probe passed."""
        return self.first_failure is None

    @property
    def first_failure(self) -> ProbeResult | None:
        """The first probe that left its threshold: where to look."""
        return next((probe for probe in self.probes if not probe.passed), None)


def run_probes(artifact: Artifact, bundle: Bundle) -> Work[ProbeOutput]:
    """What every probe of ``artifact`` gives for every tile of ``bundle``, in the order of both.

    Raises BadInput for tiles that the artifact does not take.
    """
    runs = [(probe, tile) for probe in _probes_of(artifact, bundle) for tile in bundle.tiles]
    return Work(len(runs), ((probe, _run(artifact, probe, tile)) for probe, tile in runs))


def check_probes(artifact: Artifact, bundle: Bundle) -> ProbeCheck:
    """Run every probe of ``artifact`` on every tile of ``bundle`` and compare."""
    return compare_probes(run_probes(artifact, bundle), bundle, artifact.card.precision)


def compare_outputs(outputs: DeviceOutputs, bundle: Bundle, precision: Precision) -> ProbeCheck:
    """What a device wrote by itself, probe by probe, against ``bundle``."""
    ordered = ((probe, output) for probe in PROBES for output in outputs.probes.get(probe, ()))
    return compare_probes(ordered, bundle, precision, outputs.eight_bit)


def compare_probes(
    outputs: Iterable[ProbeOutput], bundle: Bundle, precision: Precision, eight_bit: bool = False
) -> ProbeCheck:
    """``outputs``: one probe after the other, ``tile`` among them, each of every tile of ``bundle``."""
    results = []
    for probe, of_probe in groupby(outputs, lambda output: output[0]):
        found = [output for _, output in of_probe]
        limit = NUMERICS[precision].probes_db[probe]
        failures: Sequence[str] = ()
        if probe == "tile":
            named = list(zip(bundle.tiles, found, strict=True))
            tiles = judge(
                (compare(t.name, sr, t.sr, t.lr) for t, sr in named),
                precision,
                eight_bit,
            )
            failures, limit = tiles.failures, tiles.threshold.psnr_db
            pictures = tuple(TilePicture(t.name, t.lr, t.sr, sr) for t, sr in named)
        results.append(judge_probe(probe, bundle.tiles, found, limit, failures))
    return ProbeCheck(tuple(results), tiles, pictures)


def judge_probe(
    probe: Probe,
    tiles: Sequence[BaselineTile],
    found: Sequence[Float],
    limit_db: float,
    failures: Sequence[str] = (),
) -> ProbeResult:
    """What was ``found`` at ``probe`` for each of ``tiles``, against their reference.

    ``failures``: what other measures have found already. The result has a hint if a known mistake,
    such as reversed channels, explains the error.
    """
    expected = [_reference(probe, tile) for tile in tiles]
    peak = max(float(np.abs(e).max()) for e in expected) if probe == "features" else 1.0
    errors, hint = [], ""
    said = list(failures)
    for tile, e, f in zip(tiles, expected, found, strict=True):
        a, b = (_comparable(probe, tile, values) for values in (f, e))
        difference = np.abs(a - b)
        errors.append(
            TileError(tile.name, psnr(a, b, peak), float(difference.mean()), float(difference.max()))
        )
        if not errors[-1].psnr_db >= limit_db:
            said.append(f"{tile.name}: expected a PSNR of {limit_db:g} dB, found {errors[-1].psnr_db:.2f}")
            hint = hint or explain(f, e)
    # The tile's own PSNR stands among the measures of ``check.judge`` already: said once.
    return ProbeResult(probe, peak, tuple(errors), limit_db, tuple(dict.fromkeys(said)), hint)


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


def _probes_of(artifact: Artifact, bundle: Bundle) -> list[Probe]:
    """The probes that both sides have."""
    methods = {method.name for method in artifact.card.methods}
    has_colours = all(tile.colours is not None for tile in bundle.tiles)
    return [
        probe
        for probe in PROBES
        if probe in ("tile", "picture") or (probe in methods and (probe != "colours" or has_colours))
    ]


def _run(artifact: Artifact, probe: Probe, tile: BaselineTile) -> Float:
    card, size = artifact.card, (tile.sr.shape[1], tile.sr.shape[2])
    if probe == "tile":
        return upscale(artifact, tile.lr, size, halo=card.tile.full_halo)
    if probe == "picture":
        # Three quarters of the picture: four tiles, of which each pixel needs its halo.
        side = card.tile.fixed or min(card.tile.maximum, 3 * max(tile.lr.shape[1:]) // 4)
        return upscale(artifact, tile.lr, size, tile=max(side, 2 * card.tile.halo + 1))
    (found,) = artifact.probe(probe, tile.lr[None])
    return np.asarray(found, np.float32)


def _reference(probe: Probe, tile: BaselineTile) -> Float:
    if probe == "colours":
        assert tile.colours is not None  # see ``_probes_of``
        return tile.colours
    if probe == "input":
        return tile.lr
    return tile.features if probe == "features" else tile.sr


def _comparable(probe: Probe, tile: BaselineTile, values: Float) -> Float:
    """Of a picture what a screen shows, where the reference is well posed; of other probes everything."""
    if probe not in ("tile", "picture"):
        return values
    rows, columns = (
        well_posed(n_in, n_out) for n_in, n_out in zip(tile.lr.shape[1:], tile.sr.shape[1:], strict=True)
    )
    return np.asarray(values[:, rows][:, :, columns].clip(0, 1), np.float32)
