"""Pictures we draw: small text, icons, line art and gradients, where super-resolution shows.

Calibration, training, tests and the sample use them, so that none needs a photograph that is not ours.
All are drawn at ``SUPERSAMPLING`` times their size and reduced, so edges are as smooth as a screen's.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SUPERSAMPLING = 4

Colour = tuple[int, int, int]
# An icon draws itself into the square (left, top, side).
Icon = Callable[[ImageDraw.ImageDraw, float, float, float, Colour, Colour], None]

VOCABULARY = (
    "Settings Battery 87% Wi-Fi Search Share Save as… Edit View Help 12:45 19.99 Total Cancel "
    "OK Next Back Inbox (3) Send Photo 1/250 f/2.8 ISO 400 north exit gate B7 rows columns x+y Angstrom "
    "quick brown fox jumps over lazy dogs Il1 O0 rn m #4 {json: null} if (a < b) return; 0xFF #42 @home"
)


def draw_sheet(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """A sheet of random text, icons, strokes and gradients: (height, width, 3). Same seed, same sheet."""
    rng = np.random.default_rng(seed)
    k = SUPERSAMPLING
    image = _background(height * k, width * k, rng)
    draw = ImageDraw.Draw(image)
    for _ in range(max(4, height * width // 1200)):
        x, y = rng.uniform(-8, width) * k, rng.uniform(-8, height) * k
        ink, paper = _colour(rng), _colour(rng)
        kind = rng.integers(5)
        if kind <= 1:
            font = ImageFont.load_default(float(rng.uniform(7, 22)) * k)
            words = rng.choice(VOCABULARY.split(), rng.integers(1, 5))
            draw.text((x, y), " ".join(words), fill=ink, font=font)
        elif kind == 2:
            side = rng.uniform(10, 36) * k
            ICONS[rng.integers(len(ICONS))](draw, x, y, side, ink, paper)
        elif kind == 3:
            end = (x + rng.uniform(-50, 50) * k, y + rng.uniform(-50, 50) * k)
            draw.line([(x, y), end], fill=ink, width=int(rng.uniform(0.7, 3) * k))
        else:
            box = (x, y, x + rng.uniform(6, 50) * k, y + rng.uniform(6, 30) * k)
            draw.rounded_rectangle(box, radius=rng.uniform(0, 5) * k, outline=ink, fill=paper, width=k)
    return _reduce(image, height, width)


def draw_colours(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """Areas of one colour, checks and stripes of two, as in icons, logos and dithered pictures: (height,
    width, 3).

    Two thirds of the colours are of {0, 128, 255}³. The edges of rectangles lie on whole pixels, those of
    discs are smooth. Checks and stripes are 2, 4 or 6 pixels wide and begin at even pixels, so that they
    stay whole at half the size. Same seed, same picture.
    """
    rng = np.random.default_rng(seed)
    k = SUPERSAMPLING
    image = Image.new("RGB", (width * k, height * k), _pure_colour(rng))
    draw = ImageDraw.Draw(image)
    for _ in range(max(4, height * width // 250)):
        x, y = int(rng.integers(-16, width)), int(rng.integers(-16, height))
        w, h = (int(side) for side in rng.integers(2, 40, 2))
        if rng.random() < 0.2:
            draw.ellipse((x * k, y * k, (x + w) * k, (y + w) * k), fill=_pure_colour(rng))
        else:
            draw.rectangle((x * k, y * k, (x + w) * k - 1, (y + h) * k - 1), fill=_pure_colour(rng))
    picture = np.array(_reduce(image, height, width))
    rows, columns = np.indices((height, width))
    for _ in range(height * width // 1200):
        cell = 2 * int(rng.choice([1, 1, 2, 3]))
        by_rows, by_columns = ((1, 1), (0, 1), (1, 0))[rng.integers(3)]
        parity = (by_rows * (rows // cell) + by_columns * (columns // cell)) % 2
        top, left = (2 * int(rng.integers(-8, side // 2)) for side in (height, width))
        side = 2 * int(rng.integers(8, 40))  # up to what a small network sees
        inside = (rows >= top) & (rows < top + side) & (columns >= left) & (columns < left + side)
        for number in range(2):
            picture[inside & (parity == number)] = _pure_colour(rng)
    return picture


def draw_sample(height: int = 240, width: int = 360) -> NDArray[np.uint8]:
    """The sample picture: a phone screen's worth of icons and fine text, (height, width, 3)."""
    k = SUPERSAMPLING
    image = Image.new("RGB", (width * k, height * k), (246, 247, 249))
    draw = ImageDraw.Draw(image)

    def text(x: float, y: float, size: float, words: str, ink: Colour = (32, 36, 44)) -> None:
        draw.text((x * k, y * k), words, fill=ink, font=ImageFont.load_default(size * k))

    draw.rectangle((0, 0, width * k, 30 * k), fill=(38, 70, 120))
    text(10, 6, 16, "Offline upscaling", (255, 255, 255))
    text(width - 88, 9, 11, "12:45   87%", (214, 226, 244))
    palette = [(220, 76, 70), (46, 134, 90), (50, 110, 200), (190, 120, 20), (120, 80, 180)]
    for number, icon in enumerate(ICONS):
        x, y = 14 + (number % 5) * 68, 42 + (number // 5) * 56
        draw.rounded_rectangle(
            (x * k, y * k, (x + 52) * k, (y + 44) * k),
            8 * k,
            fill=(255, 255, 255),
            outline=(214, 218, 226),
            width=k,
        )
        icon(draw, (x + 12) * k, (y + 8) * k, 28 * k, palette[number % 5], (255, 255, 255))
    for row, (size, words) in enumerate(
        (
            (14, "Even small icons and fine text stay sharp."),
            (12, "The quick brown fox jumps over the lazy dog, 0123456789."),
            (10, "Il1 O0 rn m  {json: null}  if (a < b) return x + y;  #4 @home 19.99"),
            (9, "Terms apply. No network needed: every pixel is computed on the device."),
        )
    ):
        text(14, 158 + row * 19, size, words)
    return _reduce(image, height, width)


def _background(height: int, width: int, rng: np.random.Generator) -> Image.Image:
    start, end = (np.array(_colour(rng), np.float64) for _ in range(2))
    if rng.random() < 0.5:
        end = start  # flat, as most screens are
    angle = rng.uniform(0, 2 * math.pi)
    y, x = np.mgrid[0:height, 0:width]
    along = x / width * math.cos(angle) + y / height * math.sin(angle)
    span = max(float(np.ptp(along)), 1e-9)
    share = (along - along.min()) / span
    return Image.fromarray((start + share[..., None] * (end - start)).round().astype(np.uint8))


def _colour(rng: np.random.Generator) -> Colour:
    # Near-black and near-white are what text is made of; the rest is any colour.
    if rng.random() < 0.5:
        level = int(rng.choice([8, 24, 232, 250]))
        return level, level, level
    red, green, blue = (int(v) for v in rng.integers(0, 256, 3))
    return red, green, blue


def _pure_colour(rng: np.random.Generator) -> Colour:
    levels = rng.choice([0, 128, 255], 3) if rng.random() < 2 / 3 else rng.integers(0, 256, 3)
    red, green, blue = (int(level) for level in levels)
    return red, green, blue


def _reduce(image: Image.Image, height: int, width: int) -> NDArray[np.uint8]:
    return np.asarray(image.resize((width, height), Image.Resampling.BOX))


def _polygon(draw: ImageDraw.ImageDraw, x: float, y: float, s: float, points: str, ink: Colour) -> None:
    """``points``: "x,y x,y …" in percent of the square."""
    pairs = [tuple(float(v) for v in point.split(",")) for point in points.split()]
    draw.polygon([(x + px * s / 100, y + py * s / 100) for px, py in pairs], fill=ink)


def _house(draw: ImageDraw.ImageDraw, x: float, y: float, s: float, ink: Colour, paper: Colour) -> None:
    _polygon(draw, x, y, s, "50,4 98,48 86,48 86,96 14,96 14,48 2,48", ink)
    draw.rectangle((x + 0.4 * s, y + 0.6 * s, x + 0.6 * s, y + 0.96 * s), fill=paper)


def _magnifier(draw: ImageDraw.ImageDraw, x: float, y: float, s: float, ink: Colour, paper: Colour) -> None:
    draw.ellipse((x, y, x + 0.7 * s, y + 0.7 * s), outline=ink, width=max(1, int(0.1 * s)))
    draw.line((x + 0.6 * s, y + 0.6 * s, x + 0.96 * s, y + 0.96 * s), fill=ink, width=max(1, int(0.13 * s)))


def _gear(draw: ImageDraw.ImageDraw, x: float, y: float, s: float, ink: Colour, paper: Colour) -> None:
    teeth = 9
    points = []
    for corner in range(4 * teeth):
        radius = 0.5 * s if corner % 4 < 2 else 0.37 * s
        angle = 2 * math.pi * corner / (4 * teeth)
        points.append((x + 0.5 * s + radius * math.cos(angle), y + 0.5 * s + radius * math.sin(angle)))
    draw.polygon(points, fill=ink)
    draw.ellipse((x + 0.34 * s, y + 0.34 * s, x + 0.66 * s, y + 0.66 * s), fill=paper)


def _heart(draw: ImageDraw.ImageDraw, x: float, y: float, s: float, ink: Colour, paper: Colour) -> None:
    draw.ellipse((x, y + 0.08 * s, x + 0.52 * s, y + 0.6 * s), fill=ink)
    draw.ellipse((x + 0.48 * s, y + 0.08 * s, x + s, y + 0.6 * s), fill=ink)
    _polygon(draw, x, y, s, "5,48 95,48 50,96", ink)


def _check(draw: ImageDraw.ImageDraw, x: float, y: float, s: float, ink: Colour, paper: Colour) -> None:
    draw.ellipse((x, y, x + s, y + s), fill=ink)
    _polygon(draw, x, y, s, "22,52 32,42 44,54 70,26 80,36 44,74", paper)


def _wifi(draw: ImageDraw.ImageDraw, x: float, y: float, s: float, ink: Colour, paper: Colour) -> None:
    width = max(1, int(0.09 * s))
    for radius in (0.18, 0.4, 0.62):
        cx, cy, r = x + 0.5 * s, y + 0.85 * s, radius * s
        draw.arc((cx - r, cy - r, cx + r, cy + r), 225, 315, fill=ink, width=width)
    draw.ellipse((x + 0.43 * s, y + 0.78 * s, x + 0.57 * s, y + 0.92 * s), fill=ink)


def _battery(draw: ImageDraw.ImageDraw, x: float, y: float, s: float, ink: Colour, paper: Colour) -> None:
    width = max(1, int(0.06 * s))
    draw.rounded_rectangle((x, y + 0.28 * s, x + 0.9 * s, y + 0.74 * s), 0.08 * s, outline=ink, width=width)
    draw.rectangle((x + 0.93 * s, y + 0.42 * s, x + s, y + 0.6 * s), fill=ink)
    draw.rectangle((x + 0.11 * s, y + 0.39 * s, x + 0.66 * s, y + 0.63 * s), fill=ink)


def _chart(draw: ImageDraw.ImageDraw, x: float, y: float, s: float, ink: Colour, paper: Colour) -> None:
    for column, level in enumerate((0.4, 0.75, 0.55, 0.95)):
        left = x + (0.05 + 0.25 * column) * s
        draw.rectangle((left, y + (1 - level) * s, left + 0.15 * s, y + s), fill=ink)


def _envelope(draw: ImageDraw.ImageDraw, x: float, y: float, s: float, ink: Colour, paper: Colour) -> None:
    draw.rounded_rectangle((x, y + 0.18 * s, x + s, y + 0.86 * s), 0.07 * s, fill=ink)
    points = [(x + 0.05 * s, y + 0.26 * s), (x + 0.5 * s, y + 0.6 * s), (x + 0.95 * s, y + 0.26 * s)]
    draw.line(points, fill=paper, width=max(1, int(0.07 * s)))


def _arrow(draw: ImageDraw.ImageDraw, x: float, y: float, s: float, ink: Colour, paper: Colour) -> None:
    _polygon(draw, x, y, s, "40,4 60,4 60,52 84,52 50,90 16,52 40,52", ink)
    draw.rectangle((x + 0.1 * s, y + 0.93 * s, x + 0.9 * s, y + s), fill=ink)


ICONS: tuple[Icon, ...] = (
    _house, _magnifier, _gear, _heart, _check, _wifi, _battery, _chart, _envelope, _arrow,
)  # fmt: skip
