"""Pages of user interfaces: what is drawn on a canvas, at random.

A page is cut into panels, and each shows something of ``PANELS``. All random numbers are drawn from the
generator that is handed over: the same generator, fonts and colours draw the same page.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.drawings import Colour
from models.screens.canvas import Box, Canvas
from models.screens.icons import ICONS, TICK, draw_icon, make_icon
from models.screens.typefaces import Typeface
from models.screens.words import draw_code, draw_number, draw_text, draw_word

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
        return self.box[2] - self.box[0]

    @property
    def height(self) -> float:
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
        known = self.rng.random() < 0.75
        lines = ICONS[self.rng.integers(len(ICONS))] if known else make_icon(self.rng)
        draw_icon(self.canvas, x, y, side, lines, ink, max(0.75, side * self.style.stroke / 24))


def draw_theme(rng: np.random.Generator, dark: bool) -> Theme:
    """Near-black or near-white ground and what can be read on it; in a fifth of cases coloured ground."""
    coloured = rng.random() < 0.2
    accent = _hsv(rng.random(), rng.uniform(0.45, 1), rng.uniform(0.45, 0.95))
    hue, tint = rng.random(), rng.uniform(0.15, 0.8) if coloured else rng.uniform(0, 0.08)
    strength = rng.uniform(0.65, 1) if rng.random() < 0.85 else rng.uniform(0.4, 0.65)  # of ink on paper
    if dark:
        value = rng.uniform(0.1, 0.4) if coloured else rng.choice([0.0, 0.07, 0.11, 0.14, 0.18])
        paper, raised = _hsv(hue, tint, value), _hsv(hue, tint, value + rng.uniform(0.03, 0.1))
        far = _hsv(rng.random(), 0.5 * coloured * rng.random(), 1.0)
    else:
        value = rng.uniform(0.8, 1) if coloured else rng.choice([1.0, 1.0, 0.98, 0.96, 0.93])
        tint = min(tint, 0.4)
        paper, raised = _hsv(hue, tint, value), _hsv(hue, tint / 2, value - rng.uniform(-0.02, 0.05))
        far = _hsv(rng.random(), 0.9 * coloured * rng.random(), rng.uniform(0, 0.35) * coloured)
    ink, muted = _mix(paper, far, strength), _mix(paper, far, strength * rng.uniform(0.5, 0.8))
    bright = 0.3 * accent[0] + 0.6 * accent[1] + 0.1 * accent[2] > 150
    return Theme(
        paper, raised, ink, muted, _mix(paper, far, rng.uniform(0.08, 0.3)), accent,
        (20, 20, 20) if bright else (255, 255, 255),
    )  # fmt: skip


def draw_page(canvas: Canvas, style: Style, rng: np.random.Generator) -> None:
    """A page over the whole of ``canvas``; now and then a menu or a dialog lies on it."""
    whole = (0.0, 0.0, float(canvas.width), float(canvas.height))
    for box in _cut(whole, rng):
        _draw_panel(Panel(canvas, box, style, rng), PANELS[rng.choice(len(PANELS), p=_SHARES)])
    if rng.random() < 0.4:
        width, height = int(rng.integers(70, 150)), int(rng.integers(60, 130))
        left, top = int(rng.integers(canvas.width - width)), int(rng.integers(canvas.height - height))
        box = (left, top, left + width, top + height)
        for step in range(4, 0, -1):  # a shadow
            grown = (box[0] - step / 2, box[1] - step / 4, box[2] + step / 2, box[3] + step)
            canvas.rectangle(
                grown, _mix(style.theme.paper, (0, 0, 0), 0.25 - 0.05 * step), style.radius + step
            )
        canvas.rectangle(box, style.theme.raised, style.radius)
        canvas.rectangle(box, style.theme.line, style.radius, 1)
        inner = (box[0] + 4, box[1] + 4, box[2] - 4, box[3] - 4)
        (_draw_menu if rng.random() < 0.6 else _draw_form)(Panel(canvas, inner, style, rng))


def _cut(box: Box, rng: np.random.Generator) -> list[Box]:
    """``box`` in parts of about 80 to 160 pixels, at whole pixels."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    if max(width, height) < 150 or (max(width, height) < 220 and rng.random() < 0.3):
        return [box]
    share = rng.uniform(0.35, 0.65)
    if width >= height:
        x = float(round(left + share * width))
        return _cut((left, top, x, bottom), rng) + _cut((x, top, right, bottom), rng)
    y = float(round(top + share * height))
    return _cut((left, top, right, y), rng) + _cut((left, y, right, bottom), rng)


def _draw_panel(panel: Panel, draw: Callable[[Panel], None]) -> None:
    """The ground, then what is on it, within a margin."""
    theme, rng, (left, top, right, bottom) = panel.style.theme, panel.rng, panel.box
    look = rng.random()
    if look < 0.25:
        panel.canvas.rectangle(panel.box, theme.raised)
    elif look < 0.4:  # a card
        card = (left + 3, top + 3, right - 3, bottom - 3)
        panel.canvas.rectangle(card, theme.raised, panel.style.radius)
        panel.canvas.rectangle(card, theme.line, panel.style.radius, 1)
    elif look < 0.47:  # coloured ground, with a gradient in half of them
        other = theme.accent if rng.random() < 0.5 else _hsv(rng.random(), 0.6, 0.6)
        panel.canvas.fill(panel.box, _gradient(theme.accent, other, rng))
        style = Style(
            Theme(
                theme.accent, other, theme.on_accent, theme.on_accent, theme.on_accent, theme.paper, theme.ink
            ),
            *(getattr(panel.style, name) for name in ("faces", "scripts", "radius", "stroke")),
        )
        panel = panel._replace(style=style)
    elif look < 0.6:
        panel.canvas.line([(right - 0.5, top), (right - 0.5, bottom)], theme.line)
    margin = float(rng.integers(4, 10))
    draw(panel._replace(box=(left + margin, top + margin, right - margin, bottom - margin)))


def _draw_paragraph(panel: Panel) -> None:
    """Running text in one or several sizes, with a heading in half of them."""
    style, rng, y = panel.style, panel.rng, panel.box[1]
    kind = int(rng.integers(0, 2))
    if rng.random() < 0.5:
        em = panel.em() + 3
        y += 1.2 * em
        panel.label(panel.box[0], y, 4, em, style.theme.ink)
        y += 0.4 * em
    while y < panel.box[3]:
        em, pitch = panel.em(), rng.uniform(1.15, 1.6)
        ink = (style.theme.ink, style.theme.ink, style.theme.muted, style.theme.accent)[rng.integers(4)]
        for _ in range(rng.integers(2, 7)):
            y += round(pitch * em)
            if y > panel.box[3]:
                return
            panel.label(panel.box[0], y, 14, em, ink, kind)
        y += round(0.6 * em)


def _draw_menu(panel: Panel) -> None:
    """Lines with an icon, a label and something at the right; one is chosen, some are parted."""
    theme, rng, em = panel.style.theme, panel.rng, panel.em()
    row = float(round(em * rng.uniform(1.5, 2.4)))
    icons, sub = rng.random() < 0.7, rng.random() < 0.3
    if sub:
        row += round(0.9 * em)
    y, number, chosen = panel.box[1], 0, int(rng.integers(0, 6))
    while y + row <= panel.box[3]:
        ink, muted = theme.ink, theme.muted
        if number == chosen:
            panel.canvas.rectangle(
                (panel.box[0] - 2, y, panel.box[2] + 2, y + row), theme.accent, panel.style.radius
            )
            ink = muted = theme.on_accent
        x, baseline = panel.box[0] + 2, y + row / 2 + 0.36 * em - (0.5 * em if sub else 0)
        if icons:
            side = float(round(min(1.25 * em, row - 2)))
            panel.icon(
                x,
                y + round((row - side) / 2),
                side,
                theme.accent if rng.random() < 0.2 and number != chosen else ink,
            )
            x += side + round(0.5 * em)
        end = panel.label(x, round(baseline), int(rng.integers(1, 4)), em, ink)
        if sub:
            panel.label(x, round(baseline + em), 4, max(5.0, round(0.8 * em)), muted, 1)
        if rng.random() < 0.6:
            text = draw_number(rng) if rng.random() < 0.6 else "Ctrl+" + "ABCDEFGHJKLQRUWXZ"[rng.integers(17)]
            size = max(5.0, em - 1)
            width = panel.face(text, 0).width(text) * size
            if panel.box[2] - width - 3 > end + 4:
                panel.write(panel.box[2] - width - 3, round(baseline), text, size, muted)
        y += row
        number += 1
        if rng.random() < 0.2:
            panel.canvas.rectangle((panel.box[0], y, panel.box[2], y + 1), theme.line)
            y += 1


def _draw_table(panel: Panel) -> None:
    """Columns of words and numbers, with a head, lines or bands."""
    theme, rng, em = panel.style.theme, panel.rng, panel.em()
    row, n = float(round(em * rng.uniform(1.3, 2))), max(2, round(panel.width / (em * rng.uniform(4, 7))))
    edges = [round(panel.box[0] + panel.width * i / n) for i in range(n + 1)]
    numeric = [i > 0 and rng.random() < 0.6 for i in range(n)]
    bands, lined, ruled = rng.random() < 0.4, rng.random() < 0.6, rng.random() < 0.35
    y, number = panel.box[1], 0
    while y + row <= panel.box[3]:
        if number == 0:
            panel.canvas.rectangle((panel.box[0], y, panel.box[2], y + row), theme.line)
        elif bands and number % 2:
            panel.canvas.rectangle(
                (panel.box[0], y, panel.box[2], y + row), _mix(theme.paper, theme.ink, 0.06)
            )
        for column in range(n):
            cell = panel._replace(box=(edges[column], y, edges[column + 1] - 2, y + row))
            ink = theme.accent if rng.random() < 0.08 else theme.ink
            text = draw_number(rng) if numeric[column] and number else draw_word(rng, panel.style.scripts[1])
            room = cell.width - panel.face(text, 1).width(text) * em
            x = edges[column] + (max(2.0, room - 2) if numeric[column] else 3.0)
            cell.write(x, round(y + row / 2 + 0.36 * em), text, em, ink, 1)
        y += row
        number += 1
        if lined:
            panel.canvas.rectangle((panel.box[0], y - 1, panel.box[2], y), theme.line)
    if ruled:
        for edge in edges:
            panel.canvas.rectangle((float(edge), panel.box[1], edge + 1.0, y), theme.line)


def _draw_form(panel: Panel) -> None:
    """Controls below each other."""
    y = panel.box[1]
    while y < panel.box[3] - 8:
        em = panel.em()
        row = panel._replace(box=(panel.box[0], y, panel.box[2], y + round(1.9 * em)))
        y = CONTROLS[panel.rng.integers(len(CONTROLS))](row, em) + int(panel.rng.integers(3, 9))


def _draw_buttons(row: Panel, em: float) -> float:
    """Filled and framed buttons beside each other; returns where the row ends, as all controls do."""
    theme, rng, canvas, radius = row.style.theme, row.rng, row.canvas, row.style.radius
    x, top, right, bottom = row.box
    while x < right - 2 * em:
        text = draw_word(rng, row.style.scripts[0])
        width = round((row.face(text, 0).width(text) + 1.6) * em)
        if x + width > right:
            break
        filled, box = rng.random() < 0.5, (x, top, x + width, bottom)
        canvas.rectangle(box, theme.accent if filled else theme.raised, radius)
        if not filled:
            canvas.rectangle(box, theme.line if rng.random() < 0.5 else theme.accent, radius, 1)
        row.write(x + 0.8 * em, row.baseline(em), text, em, theme.on_accent if filled else theme.ink)
        x += width + 4
    return bottom


def _draw_field(row: Panel, em: float) -> float:
    """A framed field below its name, with a caret or an icon in some."""
    theme, rng, canvas = row.style.theme, row.rng, row.canvas
    left, top, right, _ = row.box
    row.label(left, top + round(em), 2, em, theme.muted)
    field = row._replace(box=(left, top + round(1.4 * em), right, top + round(3.3 * em)))
    canvas.rectangle(field.box, theme.paper, row.style.radius)
    frame = theme.line if rng.random() < 0.7 else theme.accent
    canvas.rectangle(field.box, frame, row.style.radius, 1)
    base = field.baseline(em)
    end = field.label(left + 4, base, 2, em, theme.ink if rng.random() < 0.6 else theme.muted, 1)
    if rng.random() < 0.3:
        canvas.rectangle((round(end) + 1, base - round(0.9 * em), round(end) + 2, base + 2), theme.ink)
    if rng.random() < 0.4 and field.width > 60:
        side = round(1.2 * em)
        field.icon(right - side - 4, field.box[1] + round(0.35 * em), side, theme.muted)
    return field.box[3]


def _draw_choice(row: Panel, em: float) -> float:
    """A box to tick or a round one, and its label."""
    theme, rng, canvas = row.style.theme, row.rng, row.canvas
    left, top, _, bottom = row.box
    side, ticked = round(1.1 * em), rng.random() < 0.5
    top = round(top + (bottom - top - side) / 2)
    box = (left, top, left + side, top + side)
    if rng.random() < 0.5:
        canvas.ellipse(box, theme.muted, 1)
        if ticked:
            inset = side / 4
            canvas.ellipse((box[0] + inset, top + inset, box[2] - inset, box[3] - inset), theme.accent)
    elif ticked:
        canvas.rectangle(box, theme.accent, min(row.style.radius, 2))
        draw_icon(canvas, left, top, side, TICK, theme.on_accent, max(1, side / 8))
    else:
        canvas.rectangle(box, theme.muted, min(row.style.radius, 2), 1)
    row.label(left + side + 4, row.baseline(em), 3, em, theme.ink)
    return bottom


def _draw_switch(row: Panel, em: float) -> float:
    """A switch at the right of its label."""
    theme, canvas, on = row.style.theme, row.canvas, row.rng.random() < 0.5
    left, top, right, bottom = row.box
    width, r = round(1.6 * em), round(0.9 * em) / 2
    box = (right - width, top + round(0.5 * em), right, top + round(0.5 * em) + 2 * r)
    canvas.rectangle(box, theme.accent if on else theme.muted, r)
    x = box[2] - r if on else box[0] + r
    canvas.ellipse((x - r + 1, box[1] + 1, x + r - 1, box[3] - 1), theme.paper)
    label = row._replace(box=(left, top, right - width - 4, bottom))
    label.label(left, row.baseline(em), 3, em, theme.ink)
    return bottom


def _draw_slider(row: Panel, em: float) -> float:
    """A slider, or without its knob how far something has come."""
    theme, rng, canvas = row.style.theme, row.rng, row.canvas
    left, top, right, bottom = row.box
    at, middle = left + rng.random() * row.width, round((top + bottom) / 2)
    canvas.rectangle((left, middle - 1, right, middle + 1), theme.line, 1)
    canvas.rectangle((left, middle - 1, at, middle + 1), theme.accent, 1)
    if rng.random() < 0.6:
        r = rng.uniform(3, 6)
        canvas.ellipse((at - r, middle - r, at + r, middle + r), theme.accent)
    return bottom


CONTROLS: tuple[Callable[[Panel, float], float], ...] = (
    _draw_buttons, _draw_field, _draw_choice, _draw_choice, _draw_switch, _draw_slider,
)  # fmt: skip


def _draw_code(panel: Panel) -> None:
    """Lines of a program, with numbers and coloured words."""
    theme, rng, em = panel.style.theme, panel.rng, min(panel.em(), 14)
    face = panel.style.faces[2]
    colours = [theme.ink, theme.ink, theme.accent, theme.muted] + [
        _mix(theme.ink, _hsv(rng.random(), 0.8, 0.8), 0.7) for _ in range(2)
    ]
    numbers, y, line, pitch = (
        rng.random() < 0.6,
        panel.box[1],
        int(rng.integers(1, 400)),
        rng.uniform(1.15, 1.5),
    )
    indent = 0
    while y + pitch * em < panel.box[3]:
        y += round(pitch * em)
        x = panel.box[0]
        if numbers:
            panel.write(x, y, f"{line:3d}", em, theme.muted, 2)
            x += face.width("0000 ") * em
        indent = int(np.clip(indent + rng.integers(-1, 2), 0, 3))
        x += indent * 2 * face.width("0") * em
        for token in draw_code(rng).split(" "):
            x = panel.write(x, y, token, em, colours[rng.integers(len(colours))], 2) + face.width("0") * em
            if x > panel.box[2] - em:
                break
        line += 1


def _draw_plot(panel: Panel) -> None:
    """Axes with ticks and numbers, a grid, and curves, bars or points."""
    theme, rng, canvas = panel.style.theme, panel.rng, panel.canvas
    em = float(_pick(rng, (5, 6, 7, 8, 9)))
    left, top = round(panel.box[0] + 2.4 * em), round(panel.box[1] + 1.5 * em)
    right, bottom = round(panel.box[2]), round(panel.box[3] - 1.8 * em)
    if right - left < 20 or bottom - top < 20:
        return _draw_paragraph(panel)
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
    for ink in (theme.accent, theme.ink, _hsv(rng.random(), 0.8, 0.8))[: rng.integers(1, 4)]:
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


def _draw_icons(panel: Panel) -> None:
    """Rows of icons of one size, with or without labels and grounds."""
    theme, rng = panel.style.theme, panel.rng
    side = float(
        rng.choice(
            [8, 10, 12, 14, 16, 18, 20, 24, 32, 40],
            p=[0.1, 0.14, 0.16, 0.14, 0.16, 0.08, 0.08, 0.08, 0.04, 0.02],
        )
    )
    labelled, ground, coloured = rng.random() < 0.4, rng.random() < 0.35, rng.random() < 0.4
    em = float(_pick(rng, (5, 6, 7, 8)))
    cell = side + (round(0.8 * side) if labelled else round(0.4 * side) + 2)
    y = panel.box[1]
    while y + cell < panel.box[3]:
        x = panel.box[0]
        while x + cell < panel.box[2]:
            ink = _hsv(rng.random(), rng.uniform(0.5, 1), rng.uniform(0.5, 1)) if coloured else theme.ink
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


def _draw_picture(panel: Panel) -> None:
    """Something like a photograph, with a caption."""
    rng, em = panel.rng, panel.em()
    box = (panel.box[0], panel.box[1], panel.box[2], max(panel.box[1] + 8, panel.box[3] - round(1.6 * em)))
    panel.canvas.fill(tuple(float(round(edge)) for edge in box), _photograph(rng))  # type: ignore[arg-type]
    if rng.random() < 0.5:  # words on it
        ink = (255, 255, 255) if rng.random() < 0.5 else (0, 0, 0)
        panel.label(box[0] + 4, box[3] - round(0.6 * em), 4, em, ink)
    panel.label(panel.box[0], panel.box[3] - 2, 6, em, panel.style.theme.muted, 1)


def _draw_lines(panel: Panel) -> None:
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
    rng, canvas, side = panel.rng, panel.canvas, _pick(panel.rng, (8, 12, 16, 24))
    if rng.random() < 0.5:
        for i in range(0, side, _pick(rng, (2, 3, 4, 5))):
            canvas.rectangle((x + i, y, x + i + 1, y + side // 2), ink)
        return
    cell = _pick(rng, (1, 1, 2, 3))
    for i in range(8):
        for j in range((i + 1) % 2, 8, 2):
            canvas.rectangle((x + i * cell, y + j * cell, x + (i + 1) * cell, y + (j + 1) * cell), ink)


def _draw_specimen(panel: Panel) -> None:
    """Words in every size and colour, close together: as much text as a panel takes."""
    rng, theme, y = panel.rng, panel.style.theme, panel.box[1]
    while y < panel.box[3]:
        em, kind = panel.em(), int(rng.integers(3))
        y += round(1.2 * em)
        if y > panel.box[3]:
            return
        x = panel.box[0]
        while x < panel.box[2] - em:
            ink = (theme.ink, theme.muted, theme.accent, _mix(theme.ink, _hsv(rng.random(), 1, 0.8), 0.7))[
                rng.integers(4)
            ]
            x = panel.label(x, y, int(rng.integers(1, 4)), em, ink, kind) + 0.35 * em


PANELS: tuple[Callable[[Panel], None], ...] = (
    _draw_paragraph, _draw_menu, _draw_table, _draw_form, _draw_code, _draw_plot, _draw_icons, _draw_picture,
    _draw_lines, _draw_specimen,
)  # fmt: skip
# How often a panel shows each: icons and texts are what screenshots are enlarged for.
_SHARES = np.array([0.17, 0.12, 0.11, 0.12, 0.1, 0.06, 0.17, 0.03, 0.05, 0.07])


def _pick(rng: np.random.Generator, values: tuple[int, ...]) -> int:
    """One of ``values``, each as often as it stands there."""
    return values[rng.integers(len(values))]


def _photograph(rng: np.random.Generator) -> NDArray[np.uint8]:
    """(48, 64, 3): smooth light, coarse shapes and fine texture, in colours that go together."""
    octaves = np.zeros((48, 64))
    for size, weight in ((3, 1.0), (6, 0.6), (12, 0.35), (24, 0.2), (48, 0.08)):
        coarse = Image.fromarray(rng.normal(0, weight, (size, size * 4 // 3)).astype(np.float32))
        octaves += np.asarray(coarse.resize((64, 48), Image.Resampling.BICUBIC))
    share = (octaves - octaves.min()) / np.ptp(octaves)
    dark, light = (np.array(_hsv(rng.random(), rng.uniform(0, 0.7), v)) for v in (0.25, 0.95))
    made: NDArray[np.uint8] = (dark + share[..., None] * (light - dark)).round().astype(np.uint8)
    return made


def _gradient(start: Colour, end: Colour, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(16, 16, 3) from one colour to the other, down, across or between."""
    y, x = np.mgrid[0:16, 0:16] / 15
    across = rng.random()
    share = (across * x + (1 - across) * y)[..., None]
    made: NDArray[np.uint8] = (np.array(start) * (1 - share) + np.array(end) * share).round().astype(np.uint8)
    return made


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + share * (b - a)) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _hsv(hue: float, saturation: float, value: float) -> Colour:
    """A colour by its hue (0 to 1, around), saturation and value, cut to [0, 1]."""
    value = min(1.0, max(0.0, value))
    steps = [(n + 6 * hue) % 6 for n in (5, 3, 1)]
    red, green, blue = (round(255 * value * (1 - saturation * max(0, min(k, 4 - k, 1)))) for k in steps)
    return red, green, blue
