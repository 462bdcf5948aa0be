"""How a page looks: its colours, letterings and the parts that panels are drawn in."""

import colorsys
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from models.drawings import Colour
from models.screens.canvas import Box, Canvas
from models.screens.icons import ICONS, draw_icon, make_icon
from models.screens.typefaces import Typeface
from models.screens.words import draw_text

TEXT_EM = (5.0, 24.0)  # 1× pixels, the em of the smallest and largest text


# Small letters are where super-resolution shows: three in five texts are below 9 pixels.
COMMON_EM = (
    (5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 18, 20, 24),
    (12, 20, 16, 14, 9, 7, 5, 5, 3, 3, 2, 2, 1, 1),
)


@dataclass(frozen=True)
class Theme:
    """Colours of an interface. ``paper`` and ``raised`` lie under text in ``ink`` and the paler ``muted``."""

    paper: Colour
    raised: Colour
    ink: Colour
    muted: Colour
    line: Colour
    accent: Colour
    on_accent: Colour


@dataclass(frozen=True)
class Style:
    """How a page looks. ``faces``: of labels, of texts, of code; ``scripts``: what each writes."""

    theme: Theme
    faces: tuple[Typeface, Typeface, Typeface]
    scripts: tuple[str, str, str]
    radius: float
    stroke: float


class Panel(NamedTuple):
    """A part of a page that is drawn: where, how, and by what random numbers."""

    canvas: Canvas
    box: Box
    style: Style
    rng: np.random.Generator

    @property
    def width(self) -> float:
        """In 1× pixels."""
        return self.box[2] - self.box[0]

    @property
    def height(self) -> float:
        """In 1× pixels."""
        return self.box[3] - self.box[1]

    def em(self) -> float:
        """A size for text: whole pixels, or in a fifth of cases anything, as in zoomed pages and PDF."""
        sizes, weights = COMMON_EM
        em = float(self.rng.choice(sizes, p=np.array(weights) / sum(weights)))
        return float(np.clip(em + self.rng.uniform(-0.5, 0.5), *TEXT_EM)) if self.rng.random() < 0.2 else em

    def baseline(self, em: float) -> int:
        """Where text stands so that its capitals are in the middle of the panel's height."""
        return round((self.box[1] + self.box[3]) / 2 + 0.36 * em)

    def face(self, text: str, kind: int) -> Typeface:
        """The face ``kind``, or that of code for numbers that it lacks."""
        face = self.style.faces[kind]
        return face if "latin" in face.scripts or not text.isascii() else self.style.faces[2]

    def label(self, x: float, baseline: float, words: int, em: float, ink: Colour, kind: int = 0) -> float:
        """So many words in the face ``kind``, cut where the panel ends; returns where they end."""
        text = draw_text(self.rng, words, self.style.scripts[kind])
        return self.write(x, baseline, text, em, ink, kind)

    def write(self, x: float, baseline: float, text: str, em: float, ink: Colour, kind: int = 0) -> float:
        """``text`` in the face ``kind``, cut where the panel ends; returns where it ends."""
        face = self.face(text, kind)
        return self.canvas.text(x, baseline, face.cut(text, (self.box[2] - x) / em), face, em, ink)

    def icon(self, x: float, y: float, side: float, ink: Colour) -> None:
        """One of our icons or, in a quarter of cases, one made at random, with its corner at (x, y)."""
        known = self.rng.random() < 0.75
        lines = ICONS[self.rng.integers(len(ICONS))] if known else make_icon(self.rng)
        draw_icon(self.canvas, x, y, side, lines, ink, max(0.75, side * self.style.stroke / 24))


def draw_theme(rng: np.random.Generator, dark: bool) -> Theme:
    """Near-black or near-white ground and what can be read on it; in a fifth of cases coloured ground."""
    coloured = rng.random() < 0.2
    accent = hsv(rng.random(), rng.uniform(0.45, 1), rng.uniform(0.45, 0.95))
    hue, tint = rng.random(), rng.uniform(0.15, 0.8) if coloured else rng.uniform(0, 0.08)
    strength = rng.uniform(0.65, 1) if rng.random() < 0.85 else rng.uniform(0.4, 0.65)  # of ink on paper
    if dark:
        value = rng.uniform(0.1, 0.4) if coloured else rng.choice([0.0, 0.07, 0.11, 0.14, 0.18])
        paper, raised = hsv(hue, tint, value), hsv(hue, tint, value + rng.uniform(0.03, 0.1))
        far = hsv(rng.random(), 0.5 * coloured * rng.random(), 1.0)
    else:
        value = rng.uniform(0.8, 1) if coloured else rng.choice([1.0, 1.0, 0.98, 0.96, 0.93])
        tint = min(tint, 0.4)
        paper, raised = hsv(hue, tint, value), hsv(hue, tint / 2, value - rng.uniform(-0.02, 0.05))
        far = hsv(rng.random(), 0.9 * coloured * rng.random(), rng.uniform(0, 0.35) * coloured)
    ink, muted = mix(paper, far, strength), mix(paper, far, strength * rng.uniform(0.5, 0.8))
    bright = 0.3 * accent[0] + 0.6 * accent[1] + 0.1 * accent[2] > 150
    return Theme(
        paper, raised, ink, muted, mix(paper, far, rng.uniform(0.08, 0.3)), accent,
        (20, 20, 20) if bright else (255, 255, 255),
    )  # fmt: skip


def pick(rng: np.random.Generator, values: tuple[int, ...]) -> int:
    """One of ``values``, each as often as it stands there."""
    return values[rng.integers(len(values))]


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """``share`` of the way from ``one`` to ``other``."""
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(one, other, strict=True))
    return red, green, blue


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """A colour by its hue (0 to 1, around), saturation and value, cut to [0, 1]."""
    rgb = colorsys.hsv_to_rgb(hue % 1, saturation, min(1.0, max(0.0, value)))
    red, green, blue = (round(255 * part) for part in rgb)
    return red, green, blue
