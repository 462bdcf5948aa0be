"""Scores on test pictures as people have them: reduced by several filters, and saved as JPEG."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from edge.check.comparison import worst_of
from edge.evaluate.test_sets import Evaluation, Score, find_pairs, read_pair, run_methods
from edge.images.pixels import bytes_of, planes_of
from edge.run.artifact import Artifact
from edge.work import Work
from models import LIIF
from models.arrays import Float
from models.training.degradations import through_file


@dataclass(frozen=True)
class Way:
    """How an LR picture came to be: Pillow's filter, and a JPEG's quality (4:2:0), None for a PNG."""

    resample: Image.Resampling
    quality: int | None

    @property
    def name(self) -> str:
        """Say ``box, JPEG 85``."""
        file = "PNG" if self.quality is None else f"JPEG {self.quality}"
        return f"{self.resample.name.lower()}, {file}"

    def make(self, hr: Float, scale: int) -> Float:
        """The LR picture (3, h, w) of ``hr`` (3, h·scale, w·scale), both in [0, 1]."""
        image = Image.fromarray(bytes_of(hr))
        picture = np.asarray(image.resize((image.width // scale, image.height // scale), self.resample))
        if self.quality is not None:
            picture = through_file(picture, "JPEG", quality=self.quality, subsampling="4:2:0")
        return planes_of(picture)


# What Pillow and most of the web make of photographs, from best to worst.
WAYS = (
    Way(Image.Resampling.BICUBIC, None),
    Way(Image.Resampling.BICUBIC, 95),
    Way(Image.Resampling.BICUBIC, 85),
    Way(Image.Resampling.BOX, 85),
    Way(Image.Resampling.LANCZOS, 85),
    Way(Image.Resampling.BICUBIC, 75),
    Way(Image.Resampling.BICUBIC, 50),
    Way(Image.Resampling.BICUBIC, 30),
)


@dataclass(frozen=True)
class DegradedPicture:
    """The scores by method name of one picture made in one way."""

    name: str
    way: Way
    scores: dict[str, Score]


def run_degraded(artifact: Artifact, model: LIIF, folder: Path, scale: int) -> Work[DegradedPicture]:
    """Every picture of ``folder`` made in each of ``WAYS``.

    LR pictures in the folder are not looked at. Raises BadInput as ``find_pairs`` and, from the work,
    ``read_pair`` do.
    """
    pairs = find_pairs(folder, scale)

    def run() -> Iterator[DegradedPicture]:
        for hr_path, _ in pairs:
            pair = read_pair(hr_path, None, scale)
            for way in WAYS:
                made = run_methods(artifact, model, replace(pair, lr=way.make(pair.hr, scale)), True)
                scores = {method: Score.of(sr, pair.hr, scale) for method, sr in made}
                yield DegradedPicture(pair.name, way, scores)

    return Work(len(WAYS) * len(pairs), run())


def evaluations_by_way(measured: Iterable[DegradedPicture]) -> dict[Way, Evaluation]:
    """What ``run_degraded`` gave, by way."""
    by_way: dict[Way, list[DegradedPicture]] = {}
    for one in measured:
        by_way.setdefault(one.way, []).append(one)
    return {
        way: Evaluation(
            tuple(one.name for one in pictures),
            {method: tuple(one.scores[method] for one in pictures) for method in pictures[0].scores},
        )
        for way, pictures in by_way.items()
    }


def smallest_gain(evaluation: Evaluation) -> tuple[str, float]:
    """The picture on which the artifact gains least over bicubic, and how many dB of PSNR-Y."""
    both = zip(evaluation.scores["artifact"], evaluation.scores["bicubic"], strict=True)
    gains = [found.psnr_y - bicubic.psnr_y for found, bicubic in both]
    return worst_of(zip(evaluation.names, gains, strict=True), lambda one: -one[1])
