"""Pages of user interfaces: what is drawn on a canvas, at random.

A page is cut into panels, and each shows something of ``PANELS``. All random numbers are drawn from the
generator that is handed over: the same generator, fonts and colours draw the same page.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from models.screens.canvas import Box, Canvas
from models.screens.controls import draw_form
from models.screens.graphics import draw_icons, draw_lines, draw_picture, draw_plot, gradient
from models.screens.style import Panel, Style, Theme, hsv, mix
from models.screens.text_panels import draw_menu, draw_paragraph, draw_program, draw_specimen, draw_table


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
                grown, mix(style.theme.paper, (0, 0, 0), 0.25 - 0.05 * step), style.radius + step
            )
        canvas.rectangle(box, style.theme.raised, style.radius)
        canvas.rectangle(box, style.theme.line, style.radius, 1)
        inner = (box[0] + 4, box[1] + 4, box[2] - 4, box[3] - 4)
        (draw_menu if rng.random() < 0.6 else draw_form)(Panel(canvas, inner, style, rng))


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
        other = theme.accent if rng.random() < 0.5 else hsv(rng.random(), 0.6, 0.6)
        panel.canvas.fill(panel.box, gradient(theme.accent, other, rng))
        on_ground = Theme(
            paper=theme.accent,
            raised=other,
            ink=theme.on_accent,
            muted=theme.on_accent,
            line=theme.on_accent,
            accent=theme.paper,
            on_accent=theme.ink,
        )
        panel = panel._replace(style=replace(panel.style, theme=on_ground))
    elif look < 0.6:
        panel.canvas.line([(right - 0.5, top), (right - 0.5, bottom)], theme.line)
    margin = float(rng.integers(4, 10))
    draw(panel._replace(box=(left + margin, top + margin, right - margin, bottom - margin)))


PANELS: tuple[Callable[[Panel], None], ...] = (
    draw_paragraph, draw_menu, draw_table, draw_form, draw_program, draw_plot, draw_icons, draw_picture,
    draw_lines, draw_specimen,
)  # fmt: skip


# How often a panel shows each: icons and texts are what screenshots are enlarged for.
_SHARES = np.array([0.17, 0.12, 0.11, 0.12, 0.1, 0.06, 0.17, 0.03, 0.05, 0.07])
