"""Panels of text: running text, menus, tables, code, and words in every size."""

import numpy as np

from models.screens.style import Panel, hsv, mix
from models.screens.words import draw_code, draw_number, draw_word


def draw_paragraph(panel: Panel) -> None:
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


def draw_menu(panel: Panel) -> None:
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


def draw_table(panel: Panel) -> None:
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
                (panel.box[0], y, panel.box[2], y + row), mix(theme.paper, theme.ink, 0.06)
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


def draw_program(panel: Panel) -> None:
    """Lines of a program, with numbers and coloured words."""
    theme, rng, em = panel.style.theme, panel.rng, min(panel.em(), 14)
    face = panel.style.faces[2]
    colours = [theme.ink, theme.ink, theme.accent, theme.muted] + [
        mix(theme.ink, hsv(rng.random(), 0.8, 0.8), 0.7) for _ in range(2)
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


def draw_specimen(panel: Panel) -> None:
    """Words in every size and colour, close together: as much text as a panel takes."""
    rng, theme, y = panel.rng, panel.style.theme, panel.box[1]
    while y < panel.box[3]:
        em, kind = panel.em(), int(rng.integers(3))
        y += round(1.2 * em)
        if y > panel.box[3]:
            return
        x = panel.box[0]
        while x < panel.box[2] - em:
            ink = (theme.ink, theme.muted, theme.accent, mix(theme.ink, hsv(rng.random(), 1, 0.8), 0.7))[
                rng.integers(4)
            ]
            x = panel.label(x, y, int(rng.integers(1, 4)), em, ink, kind) + 0.35 * em
