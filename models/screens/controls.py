"""Panels of forms: buttons, fields, check boxes, switches and sliders."""

from collections.abc import Callable

from models.screens.icons import TICK, draw_icon
from models.screens.style import Panel
from models.screens.words import draw_word


def draw_form(panel: Panel) -> None:
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
