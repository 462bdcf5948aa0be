"""Sheets of drawn interfaces, and training pairs cut from them.

A sheet is one page, drawn at 2× and, natively, at 1×. A pair's small patch is a reduction of the large one,
as a screenshot that somebody made smaller, or is cut from the page as it was drawn at 1×: hinting and
antialiasing fit strokes to the pixels that there are, so that this is no reduction of the page at 2×.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.errors import DataError
from models.screens.canvas import Canvas, Lettering
from models.screens.pages import draw_page
from models.screens.style import Style, draw_theme
from models.screens.typefaces import Typeface, find_typefaces

# (height, width, 3) RGB.
Picture = NDArray[np.uint8]

SHEET_SIZE = (240, 320)  # height and width at 1×

# Sheets in use at a time: 64 of them are 74 MB. Samples move on through an endless row of sheets, so
# that a long training sees thousands and none has to be kept.
OPEN_SHEETS = 64

SCALE = 2  # of sheets that are drawn natively at 1× as well

# How the reduced ones were reduced, and how often.
REDUCTIONS = (
    (Image.Resampling.BICUBIC, 0.4),
    (Image.Resampling.BOX, 0.3),
    (Image.Resampling.BILINEAR, 0.15),
    (Image.Resampling.LANCZOS, 0.15),
)

# How often each mode of lettering comes; of the hinted and aliased ones ``PINNED_SHARE`` is pinned.
MODE_SHARES = {"smooth": 0.42, "hinted": 0.38, "subpixel": 0.12, "aliased": 0.08}
PINNED_SHARE = 0.4

# What else than Latin a page writes: labels and texts, each drawn apart.
LATIN_SHARE = 0.72

# How often a family's upright letters of ordinary weight are taken, where it has them.
PLAIN_SHARE = 0.6
PROPORTIONAL_SHARE = 0.85  # of labels and texts that leave fonts for code alone

# Of several places in a sheet the busiest is taken: most of a screen is flat, and soon learned.
PLACES = 3


@dataclass(frozen=True)
class ScreenSpec:
    """The ``[screen]`` of a recipe: drawn samples are user interfaces. Raises DataError for what is no share.

    ``fonts``: folder of the fonts, with all below it. ``native``: share of the drawn samples at ×2 whose
    small patch was drawn at 1× itself; those of other scales are always reduced. ``dark``: share of sheets
    that are light on dark. ``per_sheet``: samples for each sheet that is drawn, which has 75 patches of 64
    pixels side by side.
    """

    fonts: Path
    native: float = 0.35
    dark: float = 0.4
    per_sheet: int = 128

    def __post_init__(self) -> None:
        for name in ("native", "dark"):
            if not 0 <= getattr(self, name) <= 1:
                raise DataError(f"expected {name} from 0 to 1, found {getattr(self, name):g}")
        if self.per_sheet < 1:
            raise DataError(f"expected per_sheet of at least 1, found {self.per_sheet}")


class Sheet(NamedTuple):
    """A page drawn at ``SCALE``: ``large`` (2h, 2w, 3), and natively at 1×: ``small`` (h, w, 3)."""

    large: Picture
    small: Picture


class ScreenSheets:
    """Pairs of patches for ``spec`` and a seed. Raises DataError if ``spec.fonts`` has none to draw with."""

    def __init__(self, spec: ScreenSpec, seed: int) -> None:
        self.spec, self.seed = spec, seed
        find_typefaces(spec.fonts)

    def draw_pair(
        self, rng: np.random.Generator, patch: int, side: int, number: int
    ) -> tuple[Picture, Picture]:
        """A small patch (patch, patch, 3) and a large one (side, side, 3) of sample ``number``; by ``rng``.

        Raises DataError for a ``side`` larger than a sheet.
        """
        sheet = draw_sheet(
            self.spec, self.seed, number // self.spec.per_sheet + int(rng.integers(OPEN_SHEETS))
        )
        height, width = sheet.large.shape[:2]
        if side > min(height, width):
            raise DataError(f"expected patches of at most {min(height, width)} pixels, found {side}")
        native = side == SCALE * patch and rng.random() < self.spec.native
        step = SCALE if native else 1  # a small pixel begins where a large one does
        places = [
            (
                step * int(rng.integers((height - side) // step + 1)),
                step * int(rng.integers((width - side) // step + 1)),
            )
            for _ in range(PLACES)
        ]
        cuts = [sheet.large[top : top + side, left : left + side] for top, left in places]
        best = int(np.argmax([cut[::2, ::2, 1].std() for cut in cuts]))
        large = cuts[best]
        if native:
            top, left = (start // SCALE for start in places[best])
            return sheet.small[top : top + patch, left : left + patch], large
        return reduce(large, patch, rng), large


def reduce(large: Picture, patch: int, rng: np.random.Generator) -> Picture:
    """``large`` at ``patch`` pixels a side by one of ``REDUCTIONS``."""
    resample = REDUCTIONS[rng.choice(len(REDUCTIONS), p=[share for _, share in REDUCTIONS])][0]
    return np.asarray(Image.fromarray(large).resize((patch, patch), resample))


@lru_cache(2 * OPEN_SHEETS)
def draw_sheet(spec: ScreenSpec, seed: int, number: int) -> Sheet:
    """Sheet ``number`` of a seed: the same for the same fonts."""
    style, lettering = draw_style(spec, np.random.default_rng((seed, number, 0)))
    canvas = Canvas(*SHEET_SIZE, style.theme.paper, lettering)
    draw_page(canvas, style, np.random.default_rng((seed, number, 1)))
    return Sheet(canvas.picture(SCALE), canvas.picture(1))


def draw_style(spec: ScreenSpec, rng: np.random.Generator) -> tuple[Style, Lettering]:
    """A sheet's colours and fonts, and how it draws text."""
    theme = draw_theme(rng, dark=rng.random() < spec.dark)
    typefaces = find_typefaces(spec.fonts)
    scripts = sorted(set().union(*(face.scripts for face in typefaces)) - {"latin"})
    chosen = [
        "latin" if not scripts or rng.random() < LATIN_SHARE else scripts[rng.integers(len(scripts))]
        for _ in range(2)
    ]
    faces = []
    for script in chosen:
        able = [face for face in typefaces if script in face.scripts]
        proportional = [face for face in able if not face.monospaced]
        faces.append(
            _draw_face(proportional if proportional and rng.random() < PROPORTIONAL_SHARE else able, rng)
        )
    latin = [face for face in typefaces if "latin" in face.scripts]
    code = _draw_face([face for face in latin if face.monospaced] or latin, rng)
    mode = str(rng.choice(list(MODE_SHARES), p=list(MODE_SHARES.values())))
    gamma = float(rng.uniform(0.7, 1.2)) if rng.random() < 0.4 else 1.0
    pinned = mode in ("hinted", "aliased") and rng.random() < PINNED_SHARE
    radius, stroke = float(rng.choice([0, 0, 2, 3, 4, 6])), float(rng.uniform(1.4, 2.6))
    style = Style(theme, (faces[0], faces[1], code), (chosen[0], chosen[1], "latin"), radius, stroke)
    return style, Lettering(mode, pinned, gamma)


def _draw_face(typefaces: list[Typeface], rng: np.random.Generator) -> Typeface:
    """Every family as often as any other, however many weights it has."""
    families = sorted({face.family for face in typefaces})
    family = families[rng.integers(len(families))]
    faces = [face for face in typefaces if face.family == family]
    if rng.random() < PLAIN_SHARE:
        faces = [face for face in faces if face.plain] or faces
    return faces[rng.integers(len(faces))]
