"""Pages of small text and icons, to measure on: what users look at when they enlarge a screenshot.

None of their words is in ``drawings.VOCABULARY``, their fonts are not Pillow's and their icons are a
font's outlines: the embedded weights were not trained, and int8 is not calibrated, on what they show.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from models.drawings import SUPERSAMPLING, Colour
from models.screens.typefaces import sized_font

# Height of the em in low-resolution pixels, as CSS and Pillow count font sizes.
TEXT_SIZES = (6, 7, 8, 10, 14)
FINE = (
    8  # the largest of them at which letters are still misread: other fonts and papers are drawn up to here
)
ICON_SIZES = (10, 12, 16, 24)

PITCH = 1.4  # em from line to line
MARGIN = 6  # low-resolution pixels around a paragraph


@dataclass(frozen=True)
class Paragraph:
    """Lines of text in one font (a file's name) and its colours."""

    font: str
    ink: Colour
    paper: Colour
    lines: tuple[str, ...]


# A sans, two serifs (narrow and wide) and a monospaced font; dark on light and light on dark.
PARAGRAPHS = (
    Paragraph(
        "DejaVuSans.ttf",
        (24, 26, 32),
        (255, 255, 255),
        (
            "Your parcel arrives Tuesday, 9 August",
            "Tap here to change the delivery time",
            "Courier: Jana Wolff, call 030 555 1826",
            "Storage almost full: 61.5 GB of 64 GB",
        ),
    ),
    Paragraph(
        "STIXGeneral.ttf",
        (0, 0, 0),
        (250, 246, 236),
        (
            "The river froze early that winter, and children",
            "skated past the old mill until dusk, when many",
            "lanterns were lit along both banks and somebody",
            "played the violin; none of them felt the cold.",
        ),
    ),
    Paragraph(
        "DejaVuSerif.ttf",
        (238, 240, 244),
        (28, 34, 48),
        (
            "Chapter 31: Measuring what was lost",
            "Every figure below came from one run.",
            "Twice we checked; both times 0.37 mm",
            "separated our model from the truth.",
        ),
    ),
    Paragraph(
        "DejaVuSansMono.ttf",
        (52, 56, 64),
        (238, 240, 243),
        (
            "08:15:32 worker 6 started, pid 2794",
            "08:15:33 loading 148 tiles of 96 px",
            "08:15:59 warning: queue is 73% full",
            "08:16:04 finished after 31.5 seconds",
        ),
    ),
)

DARK = ((238, 240, 244), (28, 34, 48))  # ink and paper


def _in_font(number: int, font: str) -> Paragraph:
    """The lines of a paragraph in another font, every other one light on dark."""
    ink, paper = DARK if number % 2 else ((24, 26, 32), (255, 255, 255))
    return Paragraph(font, ink, paper, PARAGRAPHS[number % len(PARAGRAPHS)].lines)


# Bold, slanted and of Knuth's families, each with the words of one of the paragraphs.
MORE_FONTS = tuple(
    _in_font(number, font)
    for number, font in enumerate(
        (
            "cmss10.ttf", "cmr10.ttf", "DejaVuSans-Bold.ttf", "DejaVuSans-Oblique.ttf",
            "STIXGeneralBol.ttf", "STIXGeneralItalic.ttf", "cmtt10.ttf", "DejaVuSerif-Italic.ttf",
        )
    )
)  # fmt: skip

# Dark mode: the paragraphs with light ink on several dark papers, coloured ones among them.
_DARK_MODE = (
    ((232, 234, 237), (32, 33, 36)), ((255, 255, 255), (0, 0, 0)), ((250, 210, 90), (24, 44, 92)),
    ((166, 226, 46), (39, 40, 34)),
)  # fmt: skip
DARK_MODE = tuple(
    replace(paragraph, ink=ink, paper=paper)
    for paragraph, (ink, paper) in zip(PARAGRAPHS, _DARK_MODE, strict=True)
)

ICON_FONT = "DejaVuSans.ttf"
ICONS = (
    "\N{BLACK TELEPHONE}", "\N{ENVELOPE}", "\N{BLACK SCISSORS}", "\N{AIRPLANE}", "\N{PENCIL}",
    "\N{BLACK SUN WITH RAYS}", "\N{CLOUD}", "\N{UMBRELLA}", "\N{WARNING SIGN}", "\N{HIGH VOLTAGE SIGN}",
    "\N{BLACK UNIVERSAL RECYCLING SYMBOL}", "\N{ANCHOR}", "\N{BEAMED EIGHTH NOTES}", "\N{BLACK STAR}",
    "\N{PLACE OF INTEREST SIGN}", "\N{WHEELCHAIR SYMBOL}",
)  # fmt: skip
ICON_CELL = 1.4  # em, the square that an icon stands in: the widest takes 1.25
ICON_COLUMNS = 8  # of the largest size; of smaller ones what fits
# Paper and inks by size, as on a light and on a dark screen.
_LIGHT = (255, 255, 255), ((24, 26, 32), (200, 44, 40), (24, 92, 190), (20, 120, 70), (150, 90, 10))
_DARK = (30, 34, 42), ((240, 242, 246), (250, 150, 130), (120, 190, 255), (130, 220, 160), (250, 210, 90))
ICON_COLOURS = (_LIGHT, _DARK, _LIGHT, _DARK)


@dataclass(frozen=True)
class Block:
    """What one band of a page says: its text, font file and size.

    ``top`` and ``bottom``: its rows in low-resolution pixels, the whole width of the page.
    """

    text: str
    font: str
    size: int
    top: int
    bottom: int


@dataclass(frozen=True)
class Page:
    """``picture``: (scale·h, scale·w, 3), the truth at high resolution. ``blocks``: its text; none on
    pages of icons. ``kind``: what it is scored with: text, icons, or a variant of text."""

    name: str
    picture: NDArray[np.uint8]
    blocks: tuple[Block, ...] = ()
    kind: str = "text"


def draw_text_page(
    fonts: Path, size: int, scale: int, paragraphs: Sequence[Paragraph] = PARAGRAPHS, kind: str = "text"
) -> Page:
    """All ``paragraphs`` at ``size`` low-resolution pixels, in fonts from the folder ``fonts``, one below
    the other. Always the same pixels for the same fonts."""
    em = size * scale * SUPERSAMPLING
    width = 2 * MARGIN + math.ceil(max(_width(fonts, p, em) for p in paragraphs) / (scale * SUPERSAMPLING))
    height = 2 * MARGIN + math.ceil(max(len(p.lines) for p in paragraphs) * PITCH * size)
    bands: list[NDArray[np.uint8]] = []
    blocks: list[Block] = []
    for number, paragraph in enumerate(paragraphs):
        image, draw = _canvas(height, width, scale, paragraph.paper)
        font = sized_font(fonts / paragraph.font, em)
        for row, line in enumerate(paragraph.lines):
            _write(draw, MARGIN, MARGIN + (row + 0.8) * PITCH * size, line, font, paragraph.ink, scale)
        bands.append(_reduce(image))
        top = number * height
        blocks.append(Block(" ".join(paragraph.lines), paragraph.font, size, top, top + height))
    return Page(f"{kind}-{size}px", np.concatenate(bands), tuple(blocks), kind)


def draw_icon_page(fonts: Path, scale: int) -> Page:
    """All icons at each of ``ICON_SIZES``, in the colours of ``ICON_COLOURS``. Always the same pixels."""
    cells = [ICON_CELL * size for size in ICON_SIZES]
    width = math.ceil(2 * MARGIN + ICON_COLUMNS * cells[-1])
    bands: list[NDArray[np.uint8]] = []
    for size, cell, (paper, inks) in zip(ICON_SIZES, cells, ICON_COLOURS, strict=True):
        columns = int((width - 2 * MARGIN) / cell)
        height = math.ceil(MARGIN + math.ceil(len(ICONS) / columns) * cell)
        image, draw = _canvas(height, width, scale, paper)
        font = sized_font(fonts / ICON_FONT, size * scale * SUPERSAMPLING)
        for index, icon in enumerate(ICONS):
            x = MARGIN + (index % columns + 0.5) * cell
            y = MARGIN / 2 + (index // columns + 0.75) * cell
            _write(draw, x, y, icon, font, inks[index % len(inks)], scale, anchor="ms")
        bands.append(_reduce(image))
    return Page("icons", np.concatenate(bands), kind="icons")


def _width(fonts: Path, paragraph: Paragraph, em: int) -> float:
    font = sized_font(fonts / paragraph.font, em)
    return max(font.getlength(line) for line in paragraph.lines)


def _canvas(height: int, width: int, scale: int, paper: Colour) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """A band of the page, ``SUPERSAMPLING`` times its high-resolution size."""
    k = scale * SUPERSAMPLING
    image = Image.new("RGB", (width * k, height * k), paper)
    return image, ImageDraw.Draw(image)


def _write(
    draw: ImageDraw.ImageDraw,
    x: float,
    baseline: float,
    text: str,
    font: ImageFont.FreeTypeFont,
    ink: Colour,
    scale: int,
    anchor: str = "ls",
) -> None:
    k = scale * SUPERSAMPLING
    draw.text((x * k, baseline * k), text, fill=ink, font=font, anchor=anchor)


def _reduce(image: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(image.reduce(SUPERSAMPLING))
