"""PSNR-Y and SSIM on test sets by the published protocol: an artifact, fp32 and bicubic side by side."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from edge.check.built_in import measure_colours
from edge.check.comparison import CheckResult, Comparison, compare, judge, worst_of
from edge.errors import BadInput
from edge.images.image_file import read_image
from edge.images.metrics import psnr_y, ssim_y
from edge.images.pictures import picture_files, resize_bicubic
from edge.run.artifact import Artifact
from edge.run.upscale import upscale
from edge.work import Work
from models import LIIF
from models.arrays import Float
from models.liif.reference import fp32_picture

# Smaller ones have no room for SSIM's window once the protocol has cut the border.
SMALLEST_SIDE = 32  # HR pixels


@dataclass(frozen=True)
class Pair:
    """A test picture: its low-resolution version (3, h, w) and the truth (3, s·h, s·w)."""

    name: str
    lr: Float
    hr: Float


@dataclass(frozen=True)
class Score:
    """PSNR-Y in dB and SSIM-Y of one picture by one method."""

    psnr_y: float
    ssim: float

    @classmethod
    def of(cls, sr: Float, hr: Float, scale: int) -> "Score":
        """Of ``sr`` against the truth, (3, H, W) both."""
        return cls(psnr_y(sr, hr, scale), ssim_y(sr, hr, scale))


@dataclass(frozen=True)
class MeasuredPicture:
    """A picture's scores by method name, and the artifact's distance from fp32, None without either of the
    two; the page of pure colours has no scores."""

    name: str
    scores: dict[str, Score]
    distance: Comparison | None


@dataclass(frozen=True)
class Evaluation:
    """Scores by method name (``artifact``, ``fp32``, ``bicubic``), one per picture, in one order.

    ``distance``: of the artifact from fp32 on the same pictures and on a page of pure colours; None without
    either of the two.
    """

    names: tuple[str, ...]
    scores: dict[str, tuple[Score, ...]]
    distance: CheckResult | None = None

    def mean(self, method: str) -> Score:
        """Mean over pictures, as the papers report."""
        scores = self.scores[method]
        return Score(float(np.mean([s.psnr_y for s in scores])), float(np.mean([s.ssim for s in scores])))

    def worst(self, method: str) -> tuple[str, Score]:
        """The picture of the lowest PSNR-Y, and its score; one with NaN before all others."""
        named = zip(self.names, self.scores[method], strict=True)
        return worst_of(named, lambda one: -one[1].psnr_y)

    def largest_loss(self) -> tuple[str, float]:
        """The picture on which the artifact is farthest below fp32, and by how many dB of PSNR-Y."""
        both = zip(self.scores["artifact"], self.scores["fp32"], strict=True)
        losses = [0.0 if found == fp32 else fp32.psnr_y - found.psnr_y for found, fp32 in both]
        return worst_of(zip(self.names, losses, strict=True), lambda one: one[1])


def find_pairs(folder: Path, scale: int) -> list[tuple[Path, Path | None]]:
    """(HR, LR) files of ``folder`` at ``scale``: ``NAME[_SRF_s]_HR.*`` with ``NAME[_SRF_s]_LR.*`` beside it.

    A folder without such names holds HR pictures alone; their LR (None) is made by Pillow's bicubic.
    Raises BadInput for no pictures, none of this scale, or an HR whose LR is missing.
    """
    files = picture_files(folder)
    named = {path.stem: path for path in files}
    if not any(stem.endswith(("_HR", "_LR")) for stem in named):
        return [(path, None) for path in files]
    pairs: list[tuple[Path, Path | None]] = []
    for stem, path in named.items():
        if not stem.endswith("_HR") or ("_SRF_" in stem and not stem.endswith(f"_SRF_{scale}_HR")):
            continue
        partner = stem.removesuffix("_HR") + "_LR"
        if partner not in named:
            raise BadInput(f"{folder}: expected {partner} beside {path.name}, found none")
        pairs.append((path, named[partner]))
    if not pairs:
        raise BadInput(f"{folder}: expected pairs *_SRF_{scale}_HR / *_LR, found none at ×{scale}")
    return pairs


def read_pair(hr_path: Path, lr_path: Path | None, scale: int) -> Pair:
    """The pair; HR is cut to what ``scale`` divides. Raises BadInput if LR does not fit, or is too small."""
    hr = read_image(hr_path).rgb
    height, width = (side // scale * scale for side in hr.shape[1:])
    hr = hr[:, :height, :width]
    if min(height, width) < SMALLEST_SIDE:
        raise BadInput(f"{hr_path}: expected at least {SMALLEST_SIDE} pixels a side, found {width}x{height}")
    lr = resize_bicubic(hr, (height // scale, width // scale)) if lr_path is None else read_image(lr_path).rgb
    if lr.shape[1:] != (height // scale, width // scale):
        raise BadInput(
            f"{lr_path}: expected {width // scale}x{height // scale} pixels, 1/{scale} of its HR, "
            f"found {lr.shape[2]}x{lr.shape[1]}"
        )
    return Pair(hr_path.stem.removesuffix("_HR"), lr, hr)


def evaluate(
    artifact: Artifact | None, model: LIIF, folder: Path, scale: int, with_fp32: bool = True
) -> Evaluation:
    """All that ``run_pictures`` gives, together."""
    return evaluation_of(run_pictures(artifact, model, folder, scale, with_fp32), artifact)


def run_pictures(
    artifact: Artifact | None, model: LIIF, folder: Path, scale: int, with_fp32: bool = True
) -> Work[MeasuredPicture]:
    """Every picture of ``folder`` at ``scale``, and the page of pure colours (see ``Evaluation``);
    ``artifact`` None leaves its column out.

    Raises BadInput for what ``find_pairs`` and, from the work, ``read_pair`` refuse.
    """
    pairs = find_pairs(folder, scale)
    measured = (_measure(artifact, model, read_pair(*paths, scale), scale, with_fp32) for paths in pairs)
    if artifact is None or not with_fp32:
        return Work(len(pairs), measured)
    return Work(len(pairs) + 1, chain(measured, _pure_colours(artifact, model, scale)))


def evaluation_of(measured: Iterable[MeasuredPicture], artifact: Artifact | None) -> Evaluation:
    """What ``run_pictures`` gave for ``artifact``, together."""
    every = list(measured)
    pictures = [one for one in every if one.scores]
    scores = {method: tuple(one.scores[method] for one in pictures) for method in pictures[0].scores}
    distances = [one.distance for one in every if one.distance is not None]
    distance = judge(distances, artifact.card.precision) if artifact is not None and distances else None
    return Evaluation(tuple(one.name for one in pictures), scores, distance)


def _measure(
    artifact: Artifact | None, model: LIIF, pair: Pair, scale: int, with_fp32: bool
) -> MeasuredPicture:
    made = dict(run_methods(artifact, model, pair, with_fp32))
    distance = None
    if "artifact" in made and "fp32" in made:
        distance = compare(pair.name, made["artifact"], made["fp32"], pair.lr)
    scores = {method: Score.of(sr, pair.hr, scale) for method, sr in made.items()}
    return MeasuredPicture(pair.name, scores, distance)


def _pure_colours(artifact: Artifact, model: LIIF, scale: int) -> Iterator[MeasuredPicture]:
    compared = measure_colours(artifact, model, scale)
    yield MeasuredPicture(compared.name, {}, compared)


def run_methods(
    artifact: Artifact | None, model: LIIF, pair: Pair, with_fp32: bool
) -> Iterator[tuple[str, Float]]:
    """What each method makes of ``pair.lr``, by name: (3, H, W), not clamped."""
    size = (pair.hr.shape[1], pair.hr.shape[2])
    if artifact is not None:
        yield "artifact", upscale(artifact, pair.lr, size)
    if with_fp32:
        yield "fp32", fp32_picture(model, pair.lr, size)
    yield "bicubic", resize_bicubic(pair.lr, size)
