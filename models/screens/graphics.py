"""Panels of what is no text: plots, icons, pictures, line art."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.drawings import Colour
from models.screens.style import Panel, hsv, pick
from models.screens.text_panels import draw_paragraph


def draw_plot(panel: Panel) -> None:
    """Axes with ticks and numbers, a grid, and curves, bars or points."""
    theme, rng, canvas = panel.style.theme, panel.rng, panel.canvas
    em = float(pick(rng, (5, 6, 7, 8, 9)))
    left, top = round(panel.box[0] + 2.4 * em), round(panel.box[1] + 1.5 * em)
    right, bottom = round(panel.box[2]), round(panel.box[3] - 1.8 * em)
    if right - left < 20 or bottom - top < 20:
        return draw_paragraph(panel)
    rows, columns, grid = int(rng.integers(2, 7)), int(rng.integers(3, 8)), rng.random() < 0.6
    panel.label(panel.box[0], panel.box[1] + em, 3, em, theme.ink)
    for i in range(rows + 1):
        y = round(bottom - (bottom - top) * i / rows)
        if grid:
            canvas.rectangle((left, y, right, y + (1 if rng.random() < 0.8 else 0.5)), theme.line)
        panel.write(panel.box[0], y + 0.36 * em, str(i * rng.integers(1, 40)), em, theme.muted)
    for i in range(columns):
        x = round(left + (right - left) * (i + 0.3) / columns)
        canvas.rectangle((x, bottom, x + 1, bottom + 3), theme.muted)
        panel.write(x - 0.5 * em, bottom + 3 + em, str(rng.integers(0, 100)), em, theme.muted)
    plot, kind = panel._replace(box=(left, top, right, bottom)), int(rng.integers(4))
    for ink in (theme.accent, theme.ink, hsv(rng.random(), 0.8, 0.8))[: rng.integers(1, 4)]:
        _draw_series(plot, kind, ink)
        kind = kind or 2  # a curve over the bars
    canvas.rectangle((left, top, left + 1, bottom), theme.muted)
    canvas.rectangle((left, bottom, right, bottom + 1), theme.muted)


def _draw_series(plot: Panel, kind: int, ink: Colour) -> None:
    """A random walk over the whole of ``plot``: bars (0), points (1), a curve (2) or one with marks (3)."""
    rng, canvas, (left, top, right, bottom) = plot.rng, plot.canvas, plot.box
    n, size = int(rng.integers(5, 40)), float(rng.uniform(0.6, 2.4))
    walk = np.cumsum(rng.normal(0, 1, n))
    levels = 0.04 + 0.92 * (walk - walk.min()) / max(float(np.ptp(walk)), 1.0)
    xs = np.linspace(left + 2, right - 2, n + 1)[:-1]
    points = [(float(x), float(bottom - v * (bottom - top))) for x, v in zip(xs, levels, strict=True)]
    if kind == 0:
        for x, y in points:
            canvas.rectangle((x, y, x + max(1.0, 0.6 * plot.width / n), bottom), ink)
        return
    if kind > 1:
        canvas.line(points, ink, size)
    if kind != 2:
        for x, y in points:
            box = (x - size, y - size, x + size, y + size)
            if kind == 1:
                canvas.ellipse(box, ink)
            else:
                canvas.rectangle(box, ink)


def draw_icons(panel: Panel) -> None:
    """Rows of icons of one size, with or without labels and grounds."""
    theme, rng = panel.style.theme, panel.rng
    side = float(
        rng.choice(
            [8, 10, 12, 14, 16, 18, 20, 24, 32, 40],
            p=[0.1, 0.14, 0.16, 0.14, 0.16, 0.08, 0.08, 0.08, 0.04, 0.02],
        )
    )
    labelled, ground, coloured = rng.random() < 0.4, rng.random() < 0.35, rng.random() < 0.4
    em = float(pick(rng, (5, 6, 7, 8)))
    cell = side + (round(0.8 * side) if labelled else round(0.4 * side) + 2)
    y = panel.box[1]
    while y + cell < panel.box[3]:
        x = panel.box[0]
        while x + cell < panel.box[2]:
            ink = hsv(rng.random(), rng.uniform(0.5, 1), rng.uniform(0.5, 1)) if coloured else theme.ink
            if ground:
                box = (x - 2, y - 2, x + side + 2, y + side + 2)
                panel.canvas.rectangle(box, ink, min(panel.style.radius, side / 2))
                ink = theme.on_accent if coloured else theme.paper
            panel.icon(x, y, side, ink)
            if labelled:
                under = panel._replace(box=(x - 2, y, x + cell - 2, y))
                under.label(x - 1, y + side + 2 + em, 1, em, theme.muted)
            x += cell
        y += cell + (round(em) if labelled else 0)


def draw_picture(panel: Panel) -> None:
    """Something like a photograph, with a caption."""
    rng, em = panel.rng, panel.em()
    box = (panel.box[0], panel.box[1], panel.box[2], max(panel.box[1] + 8, panel.box[3] - round(1.6 * em)))
    panel.canvas.fill(tuple(float(round(edge)) for edge in box), _photograph(rng))  # type: ignore[arg-type]
    if rng.random() < 0.5:  # words on it
        ink = (255, 255, 255) if rng.random() < 0.5 else (0, 0, 0)
        panel.label(box[0] + 4, box[3] - round(0.6 * em), 4, em, ink)
    panel.label(panel.box[0], panel.box[3] - 2, 6, em, panel.style.theme.muted, 1)


def draw_lines(panel: Panel) -> None:
    """Line art: thin strokes, curves, circles and boxes, hatching and grids of single pixels."""
    rng, (left, top, right, bottom) = panel.rng, panel.box
    for _ in range(rng.integers(6, 16)):
        theme = panel.style.theme
        ink = (theme.ink, theme.accent, theme.muted)[rng.integers(3)]
        x, y = float(round(rng.uniform(left, right - 10))), float(round(rng.uniform(top, bottom - 10)))
        if rng.random() < 0.3:
            _draw_pattern(panel, x, y, ink)
        else:
            _draw_stroke(panel, x + rng.random(), y + rng.random(), ink)


def _draw_stroke(panel: Panel, x: float, y: float, ink: Colour) -> None:
    """A straight line, a curve, a circle or a box."""
    rng, canvas = panel.rng, panel.canvas
    width, size = float(rng.choice([0.5, 0.75, 1, 1, 1.5, 2, 3])), float(rng.uniform(6, 30))
    kind = rng.integers(4)
    if kind == 0:
        turn = rng.uniform(0, math.pi)
        dx, dy = size * math.cos(turn), size * math.sin(turn)
        canvas.line([(x - dx, y - dy), (x + dx, y + dy)], ink, width)
    elif kind == 1:
        t = np.linspace(0, 1, 24)
        a, b, c = rng.uniform(-1, 1, 3) * size
        curve = zip(x + size * 2 * t, y + a * np.sin(t * 5) + b * t * t + c * t, strict=True)
        canvas.line([(float(px), float(py)) for px, py in curve], ink, width)
    elif kind == 2:
        canvas.ellipse((x - size / 2, y - size / 2, x + size / 2, y + size / 2), ink, width)
    else:
        canvas.rectangle((x, y, x + size, y + size / 2), ink, float(rng.choice([0, 2, 5])), width)


def _draw_pattern(panel: Panel, x: float, y: float, ink: Colour) -> None:
    """Hatching or a chequered square, at whole pixels."""
    rng, canvas, side = panel.rng, panel.canvas, pick(panel.rng, (8, 12, 16, 24))
    if rng.random() < 0.5:
        for i in range(0, side, pick(rng, (2, 3, 4, 5))):
            canvas.rectangle((x + i, y, x + i + 1, y + side // 2), ink)
        return
    cell = pick(rng, (1, 1, 2, 3))
    for i in range(8):
        for j in range((i + 1) % 2, 8, 2):
            canvas.rectangle((x + i * cell, y + j * cell, x + (i + 1) * cell, y + (j + 1) * cell), ink)


def _photograph(rng: np.random.Generator) -> NDArray[np.uint8]:
    """(48, 64, 3): smooth light, coarse shapes and fine texture, in colours that go together."""
    octaves = np.zeros((48, 64))
    for size, weight in ((3, 1.0), (6, 0.6), (12, 0.35), (24, 0.2), (48, 0.08)):
        coarse = Image.fromarray(rng.normal(0, weight, (size, size * 4 // 3)).astype(np.float32))
        octaves += np.asarray(coarse.resize((64, 48), Image.Resampling.BICUBIC))
    share = (octaves - octaves.min()) / np.ptp(octaves)
    dark, light = (np.array(hsv(rng.random(), rng.uniform(0, 0.7), v)) for v in (0.25, 0.95))
    made: NDArray[np.uint8] = (dark + share[..., None] * (light - dark)).round().astype(np.uint8)
    return made


def gradient(start: Colour, end: Colour, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(16, 16, 3) from one colour to the other, down, across or between."""
    y, x = np.mgrid[0:16, 0:16] / 15
    across = rng.random()
    share = (across * x + (1 - across) * y)[..., None]
    made: NDArray[np.uint8] = (np.array(start) * (1 - share) + np.array(end) * share).round().astype(np.uint8)
    return made
