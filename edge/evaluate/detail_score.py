"""The detail score: an artifact, fp32 and bicubic on drawn pages of small text and icons.

PSNR over a whole picture is mostly that of its flat parts. Here edges and flat parts are scored apart,
and text is read (docs/results/detail-score.md).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from edge.errors import MissingDependency
from edge.evaluate.degraded import Way
from edge.evaluate.ocr import count_errors, read_text
from edge.evaluate.test_sets import Pair, run_methods
from edge.evaluate.text_pages import (
    DARK_MODE,
    FINE,
    MORE_FONTS,
    PARAGRAPHS,
    TEXT_SIZES,
    Block,
    Page,
    Paragraph,
    draw_icon_page,
    draw_text_page,
)
from edge.images.image_file import write_image
from edge.images.metrics import gmsd, gradient, luma, psnr
from edge.images.pixels import planes_of
from edge.run.artifact import Artifact
from edge.work import Work
from models import LIIF
from models.arrays import Float

# A pixel of the truth is an edge where luma rises by this much across it: five steps of 8 bits, about
# the least that an eye tells from paper. The drawn paper has no gradient at all.
EDGE_STEP = 0.02

BICUBIC, BOX = (Way(resample, None) for resample in (Image.Resampling.BICUBIC, Image.Resampling.BOX))

# Variants of the pages of text: their paragraphs, and how they were made small.
VARIANTS: dict[str, tuple[tuple[Paragraph, ...], Way]] = {
    "fonts": (MORE_FONTS, BICUBIC),
    "dark": (DARK_MODE, BICUBIC),
    "box": (PARAGRAPHS, BOX),
}

HR = "hr"  # what the truth is called where it is read and saved beside the methods


@dataclass(frozen=True)
class RenderedPage:
    """A page at ``scale`` and what was made of it: (3, H, W) in [0, 1] by method, ``hr`` the truth."""

    page: Page
    scale: int
    lr: Float
    pictures: dict[str, Float]


@dataclass(frozen=True)
class DetailScore:
    """PSNR of luma in dB on edges and in flat parts, pooled over pages, and the pages' mean GMSD."""

    edges_db: float
    flat_db: float
    gmsd: float


@dataclass(frozen=True)
class Reading:
    """What was read in one paragraph of the picture that ``method`` made."""

    method: str
    font: str
    size: int
    truth: str
    read: str
    errors: int


@dataclass(frozen=True)
class FontRates:
    """Wrong characters per character over fonts: their mean, the worst font's, and the fonts that bicubic
    reads better."""

    mean: float
    worst: float
    worst_font: str
    worse_than_bicubic: tuple[str, ...]


def font_folder() -> Path:
    """Where matplotlib's wheel has its fonts. Raises MissingDependency without it."""
    spec = find_spec("matplotlib")  # not imported: only its files are wanted
    for package in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(package) / "mpl-data" / "fonts" / "ttf"
        if folder.is_dir():
            return folder
    raise MissingDependency("expected matplotlib's fonts, found none; pip install 'liif-edge[details]'")


def render_pages(artifact: Artifact, model: LIIF, scale: int) -> Work[RenderedPage]:
    """A page for each of ``TEXT_SIZES`` and one of icons, reduced by Pillow's bicubic, and up to ``FINE``
    those of ``VARIANTS``; enlarged by every method. Raises MissingDependency."""
    fonts = font_folder()
    drawings: list[tuple[Callable[[], Page], Way]] = [
        (partial(draw_text_page, fonts, size, scale), BICUBIC) for size in TEXT_SIZES
    ]
    drawings.append((partial(draw_icon_page, fonts, scale), BICUBIC))
    for kind, (paragraphs, way) in VARIANTS.items():
        for size in (size for size in TEXT_SIZES if size <= FINE):
            drawings.append((partial(draw_text_page, fonts, size, scale, paragraphs, kind), way))
    return Work(len(drawings), (_render(draw(), way, artifact, model, scale) for draw, way in drawings))


def _render(page: Page, way: Way, artifact: Artifact, model: LIIF, scale: int) -> RenderedPage:
    hr = planes_of(page.picture)
    lr = way.make(hr, scale)
    pictures = {HR: hr}
    for method, sr in run_methods(artifact, model, Pair(page.name, lr, hr), with_fp32=True):
        pictures[method] = sr.clip(0, 1)
    return RenderedPage(page, scale, lr, pictures)


def score_pages(pages: Sequence[RenderedPage]) -> dict[str, DetailScore]:
    """Scores by method, the truth left out."""
    edges = np.concatenate([(gradient(luma(p.pictures[HR])) >= EDGE_STEP).ravel() for p in pages])
    truth = _lumas(pages, HR)
    scores = {}
    for method in pages[0].pictures:
        if method != HR:
            made = _lumas(pages, method)
            scores[method] = DetailScore(
                psnr(made[edges], truth[edges]),
                psnr(made[~edges], truth[~edges]),
                float(np.mean([gmsd(p.pictures[method], p.pictures[HR]) for p in pages])),
            )
    return scores


def _lumas(pages: Sequence[RenderedPage], method: str) -> Float:
    return np.concatenate([luma(p.pictures[method]).ravel() for p in pages])


def read_pages(pages: Sequence[RenderedPage]) -> Work[Reading]:
    """Every paragraph of every picture, the truth's too, read by ``edge.evaluate.ocr``."""
    paragraphs = [(p, method, block) for p in pages for method in p.pictures for block in p.page.blocks]
    return Work(len(paragraphs), (_read(*paragraph) for paragraph in paragraphs))


def _read(page: RenderedPage, method: str, block: Block) -> Reading:
    band = page.pictures[method][:, page.scale * block.top : page.scale * block.bottom]
    read = read_text(band, page.scale * block.size)
    return Reading(method, block.font, block.size, block.text, read, count_errors(read, block.text))


def error_rates(readings: Sequence[Reading]) -> dict[str, dict[str, float]]:
    """Wrong characters per character of the truth (0 is perfect) by method, then by size and over ``all``."""
    rates: dict[str, dict[str, float]] = {}
    for method in dict.fromkeys(r.method for r in readings):
        of_method = [r for r in readings if r.method == method]
        groups = {
            str(size): [r for r in of_method if r.size == size] for size in sorted({r.size for r in readings})
        }
        groups["all"] = of_method
        rates[method] = {
            name: sum(r.errors for r in group) / sum(len(r.truth) for r in group)
            for name, group in groups.items()
        }
    return rates


def font_rates(readings: Sequence[Reading]) -> dict[str, dict[str, FontRates]]:
    """Wrong characters per character by size, then by method: how they spread over the fonts."""
    found: dict[str, dict[str, FontRates]] = {}
    for size in sorted({r.size for r in readings}):
        rates: dict[str, dict[str, float]] = {}
        for font in dict.fromkeys(r.font for r in readings if r.size == size):
            of_font = [r for r in readings if (r.size, r.font) == (size, font)]
            for method, by_size in error_rates(of_font).items():
                rates.setdefault(method, {})[font] = by_size[str(size)]
        found[str(size)] = {
            method: FontRates(
                mean=float(np.mean(list(of_method.values()))),
                worst=max(of_method.values()),
                worst_font=max(of_method, key=of_method.__getitem__),
                worse_than_bicubic=tuple(f for f, rate in of_method.items() if rate > rates["bicubic"][f]),
            )
            for method, of_method in rates.items()
        }
    return found


def save_pages(pages: Sequence[RenderedPage], folder: Path) -> None:
    """Every picture as ``PAGE-METHOD.png`` into an existing ``folder``, to look at."""
    for p in pages:
        for method, picture in {"lr": p.lr, **p.pictures}.items():
            write_image(folder / f"{p.page.name}-{method}.png", picture)
