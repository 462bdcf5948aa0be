"""What effort buys: PSNR-Y, time and the bigger network's share, on a folder of test pictures."""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.evaluate.test_sets import find_pairs, read_pair
from edge.images.metrics import psnr_y
from edge.run.artifact import Artifact
from edge.run.routing import Effort, GainMap, route
from edge.run.upscale import upscale
from edge.work import Work
from models.arrays import Float

EFFORTS = (0, 10, 20, 40, 60, 80, 100)

SCALE = 2

# Of the plot, in pixels.
WIDTH, HEIGHT, LEFT, BOTTOM, MARGIN = 560, 320, 70, 50, 30


@dataclass(frozen=True)
class RoutedPicture:
    """A picture at ``effort``: PSNR-Y in dB, seconds, output megapixels; cells, and how many of them the
    bigger network made; ``seams``: how wrong they are."""

    name: str
    effort: int
    psnr_y: float
    seconds: float
    megapixels: float
    n_cells: int
    n_bigger: int
    seams: "Seams"


@dataclass(frozen=True)
class Seams:
    """Where two networks meet: over so many pairs of neighbouring output pixels, one by each, the sum of the
    squared errors of their difference, in 8-bit steps²; and ``alone``, that of the smaller network alone."""

    pairs: int
    squared: float
    alone: float


@dataclass(frozen=True)
class Point:
    """An effort over all pictures: mean PSNR-Y in dB, milliseconds per output megapixel, and the share of all
    cells that the bigger network made. ``seam``: the root of the mean squared error of the difference between
    two neighbouring pixels of which each network made one, in 8-bit steps; ``seam_alone``: of the same two,
    both by the smaller network. None where the networks do not meet."""

    effort: int
    psnr_y: float
    ms_per_megapixel: float
    share: float
    seam: float | None
    seam_alone: float | None


def run_sweep(
    smaller: Artifact, bigger: Artifact, folder: Path, efforts: Sequence[int] = EFFORTS
) -> Work[RoutedPicture]:
    """Every picture of ``folder`` at every effort; those of a picture one after the other, so that noise of
    the machine meets all alike. Raises BadInput for what ``find_pairs``, ``route`` and, from the work,
    ``read_pair`` refuse."""
    pairs = find_pairs(folder, SCALE)
    for end in (0, 100):  # programs load and warm up at their first tile
        warm = np.zeros((3, 32, 32), np.float32)
        upscale(route(smaller, bigger, Effort(end), lambda _: ()), warm)

    def measured() -> Iterator[RoutedPicture]:
        for paths in pairs:
            pair = read_pair(*paths, SCALE)
            alone, gains = upscale(smaller, pair.lr), upscale(GainMap(smaller), pair.lr)[0]
            for effort in efforts:
                routed = route(smaller, bigger, Effort(effort), lambda _: ())
                start = time.perf_counter()
                sr = upscale(routed, pair.lr)
                seconds = time.perf_counter() - start
                megapixels = sr.shape[1] * sr.shape[2] / 1e6
                score = psnr_y(sr, pair.hr, SCALE)
                chosen = gains > np.float32(routed.threshold)
                seams = seams_of(chosen, sr - pair.hr, alone - pair.hr)
                yield RoutedPicture(
                    pair.name, effort, score, seconds, megapixels, routed.n_cells, routed.n_bigger, seams
                )

    return Work(len(pairs) * len(efforts), measured())


def seams_of(chosen: NDArray[np.bool_], error: Float, alone: Float) -> Seams:
    """Of a picture that the bigger network made where ``chosen`` (H, W): by its ``error`` (3, H, W), and that
    of the smaller network ``alone``."""
    pairs, squared = 0, [0.0, 0.0]
    for axis in (0, 1):
        met = np.diff(chosen, axis=axis)
        pairs += int(met.sum())
        for number, each in enumerate((error, alone)):
            steps = 255 * np.diff(each, axis=axis + 1)[:, met]
            squared[number] += float(np.square(steps).mean(axis=0).sum())
    return Seams(pairs, *squared)


def points_of(pictures: Iterable[RoutedPicture]) -> list[Point]:
    """A point for every effort, the least first."""
    by_effort: dict[int, list[RoutedPicture]] = {}
    for picture in pictures:
        by_effort.setdefault(picture.effort, []).append(picture)
    seams = {effort: [one.seams for one in of] for effort, of in by_effort.items()}
    return [
        Point(
            effort,
            float(np.mean([one.psnr_y for one in of])),
            1000 * sum(one.seconds for one in of) / sum(one.megapixels for one in of),
            sum(one.n_bigger for one in of) / sum(one.n_cells for one in of),
            _root_mean(sum(one.squared for one in seams[effort]), sum(one.pairs for one in seams[effort])),
            _root_mean(sum(one.alone for one in seams[effort]), sum(one.pairs for one in seams[effort])),
        )
        for effort, of in sorted(by_effort.items())
    ]


def _root_mean(squared: float, count: int) -> float | None:
    return math.sqrt(squared / count) if count else None


def draw_sweep(points: Sequence[Point], title: str) -> str:
    """PSNR-Y over time as an SVG's text: a point for each effort, with its number, joined by lines."""
    times, scores = ([getattr(p, name) for p in points] for name in ("ms_per_megapixel", "psnr_y"))
    lowest, span = min(scores), max(scores) - min(scores) or 1.0
    right, top = WIDTH - MARGIN, 2 * MARGIN

    def place(point: Point) -> tuple[float, float]:
        x = LEFT + (right - LEFT) * point.ms_per_megapixel / max(times)
        return x, HEIGHT - BOTTOM - (HEIGHT - BOTTOM - top) * (point.psnr_y - lowest) / span

    places = [place(point) for point in points]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="8" y="16">{escape(title)}</text>',
        f'<path d="M{LEFT},{top} V{HEIGHT - BOTTOM} H{right}" fill="none" stroke="#888888"/>',
        f'<text x="{right}" y="{HEIGHT - 12}" text-anchor="end">'
        f"ms per output megapixel, up to {max(times):.0f}</text>",
        f'<text x="{LEFT - 6}" y="{top + 4}" text-anchor="end">{max(scores):.3f} dB</text>',
        f'<text x="{LEFT - 6}" y="{HEIGHT - BOTTOM}" text-anchor="end">{lowest:.3f} dB</text>',
        f'<polyline points="{line}" fill="none" stroke="#3465a4"/>',
    ]
    for point, (x, y) in zip(points, places, strict=True):
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#3465a4"/>')
        parts.append(f'<text x="{x + 5:.1f}" y="{y + 14:.1f}">{point.effort}</text>')
    return "\n".join([*parts, "</svg>", ""])
