"""A screen that is drawn twice: natively at one and at two device pixels per pixel.

Coordinates and sizes are in pixels of the small (1×) screen. Shapes are covered exactly, as antialiasing
rasterisers do: drawn in ``MASTER`` steps and averaged. Text has a rasteriser of its own kind on every
screen, see ``Lettering``: hinted at 1× it is no reduction of the same text at 2×, and that is what such pairs
teach.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from models.drawings import Colour
from models.screens.typefaces import Typeface, advance, sized_font

SCALES = (1, 2)  # device pixels to a pixel

# Steps per pixel in which shapes and small unhinted text are drawn. Larger text takes half as many, and a
# quarter of the time: what FreeType's hinting does to letters that large is far below a device's pixel.
MASTER = 8
LARGE_EM = 9.0

# FreeType's default filter of subpixels (FT_LCD_FILTER_DEFAULT), in 1/256: colours of text smear over thirds
# of a pixel, and their fringes stay pale.
LCD_FILTER = (8, 77, 86, 77, 8)

Point = tuple[float, float]
Box = tuple[float, float, float, float]

# Draws into a mask, whose coordinates the second argument gives for those of the screen.
At = Callable[[Point], tuple[int, int]]
Drawing = Callable[[Image.Image, At], None]


@dataclass(frozen=True)
class Lettering:
    """How a screen draws text.

    ``mode``: "smooth" is antialiased in grey and unhinted (as on macOS, Android, in PDF), "hinted" fits
    strokes to the device's pixels by FreeType's hinting and places letters on whole ones (as on Linux and
    older Windows), "subpixel" is antialiased in colours (ClearType), "aliased" is not antialiased.
    ``pinned``: letters advance by whole 1× pixels at both scales, as in programs of fixed layout; else hinted
    letters stand on the device's pixel that is nearest to their place.
    ``gamma``: exponent of coverage; below 1 makes strokes bolder, as font smoothing does.
    """

    mode: str = "smooth"
    pinned: bool = False
    gamma: float = 1.0


class Canvas:
    """A screen of ``height`` by ``width`` pixels, as it shows at each of ``SCALES``."""

    def __init__(self, height: int, width: int, paper: Colour, lettering: Lettering) -> None:
        self.height, self.width, self.lettering = height, width, lettering
        self.images = {scale: Image.new("RGB", (width * scale, height * scale), paper) for scale in SCALES}

    def picture(self, scale: int) -> NDArray[np.uint8]:
        """The screen at ``scale``: (scale·height, scale·width, 3)."""
        return np.asarray(self.images[scale])

    def rectangle(self, box: Box, ink: Colour, radius: float = 0, line: float = 0) -> None:
        """A filled ``box`` (left, top, right, bottom) with rounded corners, or its outline of this width."""
        if not radius and not line and all(edge == int(edge) for edge in box):
            left, top, right, bottom = (int(edge) for edge in box)
            for scale, image in self.images.items():
                image.paste(ink, (left * scale, top * scale, right * scale, bottom * scale))
            return

        def draw(mask: Image.Image, at: At) -> None:
            shape = ImageDraw.Draw(mask)
            if line:
                shape.rounded_rectangle(_corners(box, at), radius * MASTER, outline=255, width=_thick(line))
            else:
                shape.rounded_rectangle(_corners(box, at), radius * MASTER, fill=255)

        self._cover(box, draw, ink)

    def ellipse(self, box: Box, ink: Colour, line: float = 0) -> None:
        """A filled ellipse in ``box``, or its outline of this width."""

        def draw(mask: Image.Image, at: At) -> None:
            if line:
                ImageDraw.Draw(mask).ellipse(_corners(box, at), outline=255, width=_thick(line))
            else:
                ImageDraw.Draw(mask).ellipse(_corners(box, at), fill=255)

        self._cover(box, draw, ink)

    def arc(self, box: Box, start: float, end: float, ink: Colour, width: float) -> None:
        """Part of an ellipse's outline, from ``start`` to ``end`` in degrees, clockwise from the right."""

        def draw(mask: Image.Image, at: At) -> None:
            ImageDraw.Draw(mask).arc(_corners(box, at), start, end, fill=255, width=_thick(width))

        self._cover(box, draw, ink)

    def polygon(self, points: Sequence[Point], ink: Colour) -> None:
        """A filled polygon."""

        def draw(mask: Image.Image, at: At) -> None:
            ImageDraw.Draw(mask).polygon([at(p) for p in points], fill=255)

        self._cover(_bounds(points, 0), draw, ink)

    def line(self, points: Sequence[Point], ink: Colour, width: float = 1) -> None:
        """A stroke through ``points``, with round joints and flat ends."""

        def draw(mask: Image.Image, at: At) -> None:
            path = [at(p) for p in points]
            ImageDraw.Draw(mask).line(path, fill=255, width=_thick(width), joint="curve")

        self._cover(_bounds(points, width), draw, ink)

    def fill(self, box: Box, pixels: NDArray[np.uint8]) -> None:
        """``pixels`` (h, w, 3) stretched smoothly over ``box``, whose edges are whole pixels."""
        left, top, right, bottom = (round(edge) for edge in box)
        if right <= left or bottom <= top:
            return
        for scale, image in self.images.items():
            size = ((right - left) * scale, (bottom - top) * scale)
            stretched = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)
            image.paste(stretched, (left * scale, top * scale))

    def text(self, x: float, baseline: float, text: str, face: Typeface, em: float, ink: Colour) -> float:
        """``text`` from ``x`` on, without kerning; returns where it ends."""
        pens, end = self._pens(x, text, face, em)
        if not text.strip() or end < 0 or x > self.width or not -em < baseline < self.height + em:
            return end
        letters = list(zip(pens, text, strict=True))
        box = (x - 0.5 * em, baseline - 1.3 * em, end + 0.5 * em, baseline + 0.6 * em)
        gamma, aliased = self.lettering.gamma, self.lettering.mode == "aliased"
        if aliased or self.lettering.mode == "hinted":
            for scale, image in self.images.items():
                left, top, mask = self._mask(box, scale)
                if 0 not in mask.size:
                    below = round(baseline) * scale - top
                    size = round(em * scale)
                    for pen, letter in letters:
                        _stamp(mask, round(pen * scale) - left, below, face, size, letter, aliased)
                    image.paste(ink, (left, top), _bolder(mask, gamma))
            return end
        master = MASTER if em <= LARGE_EM else MASTER // 2

        def draw(mask: Image.Image, at: At) -> None:
            for pen, letter in letters:
                _stamp(mask, *at((pen, baseline)), face, em * master, letter)

        if self.lettering.mode == "smooth":
            self._cover(box, draw, ink, master, gamma)
        else:
            self._cover_subpixels(box, draw, ink, master, gamma)
        return end

    def _pens(self, x: float, text: str, face: Typeface, em: float) -> tuple[list[float], float]:
        """Where each letter begins, and where the last ends."""
        pens, pen = [], round(x) if self.lettering.pinned else x
        for letter in text:
            pens.append(pen)
            step = advance(face.path, letter) * em
            pen += max(1, round(step)) if self.lettering.pinned else step
        return pens, pen

    def _mask(self, box: Box, steps: int) -> tuple[int, int, Image.Image]:
        """Left, top and an empty mask for ``box``, cut at the border, all in ``steps`` to a pixel."""
        left, top = (max(0, math.floor(edge) - 1) for edge in box[:2])
        right, bottom = min(self.width, math.ceil(box[2]) + 1), min(self.height, math.ceil(box[3]) + 1)
        size = (max(0, right - left) * steps, max(0, bottom - top) * steps)
        return left * steps, top * steps, Image.new("L", size)

    def _cover(self, box: Box, draw: Drawing, ink: Colour, master: int = MASTER, gamma: float = 1.0) -> None:
        """``ink`` where ``draw`` draws, by the share of each device's pixel that it covers."""
        left, top, mask = self._mask(box, master)
        if 0 in mask.size:
            return
        draw(mask, lambda p: (round(p[0] * master) - left, round(p[1] * master) - top))
        for scale, image in self.images.items():
            place = (left * scale // master, top * scale // master)
            image.paste(ink, place, _bolder(mask.reduce(master // scale), gamma))

    def _cover_subpixels(self, box: Box, draw: Drawing, ink: Colour, master: int, gamma: float) -> None:
        """Every colour is covered as its own third of the pixel is, from the left: red, green, blue."""
        left, top, mask = self._mask(box, master)
        if 0 in mask.size:
            return
        draw(mask, lambda p: (round(p[0] * master) - left, round(p[1] * master) - top))
        for scale, image in self.images.items():
            width, height = (side * scale // master for side in mask.size)
            thirds = np.asarray(mask.resize((3 * width, height), Image.Resampling.BOX), np.float32)
            padded = np.pad(thirds, ((0, 0), (2, 2)))
            smeared = np.zeros_like(thirds)
            for third, weight in enumerate(LCD_FILTER):
                smeared += padded[:, third : third + 3 * width] * np.float32(weight / 256 / 255)
            share = smeared.reshape(height, width, 3) ** np.float32(gamma)
            x, y = left * scale // master, top * scale // master
            under = np.asarray(image.crop((x, y, x + width, y + height)), np.float32)
            mixed = under + (np.array(ink, np.float32) - under) * share
            image.paste(Image.fromarray(mixed.round().astype(np.uint8)), (x, y))


def _bolder(mask: Image.Image, gamma: float) -> Image.Image:
    return mask if gamma == 1 else mask.point(_curve(gamma))


@lru_cache(64)
def _curve(gamma: float) -> list[int]:
    return [round(255 * (level / 255) ** gamma) for level in range(256)]


def _stamp(
    mask: Image.Image, x: int, baseline: int, face: Typeface, em: float, letter: str, aliased: bool = False
) -> None:
    """A letter into ``mask``, its pen at ``x``."""
    glyph, right, down = _glyph(face.path, em, letter, aliased)
    mask.paste(255, (x + right, baseline + down), glyph)


@lru_cache(8192)
def _glyph(path: Path, em: float, letter: str, aliased: bool) -> tuple[Image.Image, int, int]:
    """A letter's coverage, and where it lies from the pen: letters come again and again."""
    font = sized_font(path, em)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(letter, anchor="ls"))
    image = Image.new("L", (max(1, right - left + 2), max(1, bottom - top + 2)))
    draw = ImageDraw.Draw(image)
    draw.fontmode = "1" if aliased else "L"
    draw.text((1 - left, 1 - top), letter, fill=255, font=font, anchor="ls")
    return image, left - 1, top - 1


def _thick(width: float) -> int:
    return max(1, round(width * MASTER))


def _corners(box: Box, at: At) -> tuple[int, int, int, int]:
    """``box`` as Pillow wants it, whose last row and column are drawn."""
    (left, top), (right, bottom) = at((box[0], box[1])), at((box[2], box[3]))
    return left, top, max(left, right - 1), max(top, bottom - 1)


def _bounds(points: Sequence[Point], width: float) -> Box:
    xs, ys = zip(*points, strict=True)
    return min(xs) - width, min(ys) - width, max(xs) + width, max(ys) + width
