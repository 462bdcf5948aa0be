"""Small icons for drawn screens: outlines and solids on a square of 24 steps, and made-up ones."""

import numpy as np

from models.drawings import Colour
from models.screens.canvas import Canvas, Point

GRID = 24  # steps of an icon's square

# An icon is strokes and areas, one a line: what it is, then numbers on the grid.
#   l x,y x,y …    a stroke through points      c x,y r   a circle       o x,y r   a disc
#   p x,y x,y …    an area within points        r x,y x,y q   a frame, corners of radius q
#   f x,y x,y q    a filled rectangle           a x,y r from to   an arc, degrees clockwise from the right
_DRAWINGS = """
l 3,6 21,6
l 3,12 21,12
l 3,18 21,18
---
c 10,10 6
l 15,15 21,21
---
l 5,5 19,19
l 19,5 5,19
---
l 12,4 12,20
l 4,12 20,12
---
l 4,13 10,19 20,6
---
l 15,4 7,12 15,20
---
l 5,9 12,16 19,9
---
r 4,3 20,21 2
l 8,8 16,8
l 8,12 16,12
l 8,16 13,16
---
r 3,7 21,20 2
l 3,7 3,4 10,4 12,7
---
c 12,8 4
a 12,21 8 180 360
l 4,21 20,21
---
c 12,12 9
l 12,6 12,12 16,14
---
r 3,5 21,21 2
l 3,10 21,10
l 8,3 8,7
l 16,3 16,7
f 7,13 10,16 0
f 14,13 17,16 0
---
p 7,4 20,12 7,20
---
f 6,5 10,19 0
f 14,5 18,19 0
---
l 4,15 4,20 20,20 20,15
l 12,3 12,15
l 7,10 12,15 17,10
---
l 6,7 7,21 17,21 18,7
l 3,7 21,7
l 9,7 9,4 15,4 15,7
l 10,11 10,17
l 14,11 14,17
---
r 5,11 19,21 2
a 12,11 4 180 360
o 12,16 1.5
---
c 12,12 9
l 12,11 12,17
o 12,7.5 1.3
---
p 12,3 22,21 2,21
---
l 12,4 22,20 2,20 12,4
l 12,10 12,15
o 12,17.5 1
---
o 5,12 2
o 12,12 2
o 19,12 2
---
c 18,5 3
c 6,12 3
c 18,19 3
l 8.5,10.5 15.5,6.5
l 8.5,13.5 15.5,17.5
---
f 3,3 10,10 1
f 14,3 21,10 1
f 3,14 10,21 1
f 14,14 21,21 1
---
l 4,20 4,4
l 4,20 20,20
l 7,15 11,10 14,13 20,6
---
f 4,12 8,20 0
f 10,6 14,20 0
f 16,9 20,20 0
---
r 3,4 21,20 2
l 3,17 9,11 14,16 17,13 21,17
o 15.5,8.5 1.6
---
l 8,4 2,12 8,20
l 16,4 22,12 16,20
---
r 2,4 22,20 2
l 6,9 9,12 6,15
l 12,15 18,15
---
a 12,12 8 300 600
p 12,1 18,4 12,8
---
l 4,20 5,16 16,5 19,8 8,19 4,20
l 14,7 17,10
---
p 12,2 15,9 22,9.5 16.5,14 18.5,21 12,17 5.5,21 7.5,14 2,9.5 9,9
---
c 12,12 4
l 12,2 12,5
l 12,19 12,22
l 2,12 5,12
l 19,12 22,12
l 5,5 7,7
l 17,17 19,19
l 5,19 7,17
l 17,7 19,5
---
p 5,17 7,14 7,9 9,6 12,5 15,6 17,9 17,14 19,17
a 12,18 3 0 180
o 12,4 1.5
---
p 3,9 8,9 13,4 13,20 8,15 3,15
a 13,12 5 300 420
a 13,12 9 300 420
---
c 12,10 7
o 12,10 2.5
l 7,15 12,22 17,15
---
f 9,2 15,13 3
a 12,11 7 0 180
l 12,18 12,22
l 8,22 16,22
---
l 4,4 20,4 14,12 14,19 10,21 10,12 4,4
---
l 8,12 16,12
a 8,12 5 90 270
a 16,12 5 270 450
---
c 12,12 9
l 3,12 21,12
a 12,12 4 0 360
---
l 7,17 17,7
l 9,7 17,7 17,15
---
r 4,9 13,20 1
r 9,4 20,15 1
"""

ICONS = tuple(tuple(icon.strip().splitlines()) for icon in _DRAWINGS.split("---"))
TICK = ("l 4,13 10,19 20,6",)


def draw_icon(
    canvas: Canvas, left: float, top: float, side: float, lines: tuple[str, ...], ink: Colour, stroke: float
) -> None:
    """An icon of ``ICONS`` in a square of ``side`` pixels, its strokes ``stroke`` pixels wide."""
    step = side / GRID

    def at(pair: str) -> Point:
        x, y = pair.split(",")
        return left + float(x) * step, top + float(y) * step

    for line in lines:
        kind, *parts = line.split()
        if kind == "l":
            canvas.line([at(part) for part in parts], ink, stroke)
        elif kind == "p":
            canvas.polygon([at(part) for part in parts], ink)
        elif kind in ("r", "f"):
            box = (*at(parts[0]), *at(parts[1]))
            canvas.rectangle(box, ink, float(parts[2]) * step, stroke if kind == "r" else 0)
        else:
            (x, y), r = at(parts[0]), float(parts[1]) * step
            box = (x - r, y - r, x + r, y + r)
            if kind == "a":
                canvas.arc(box, float(parts[2]), float(parts[3]), ink, stroke)
            else:
                canvas.ellipse(box, ink, stroke if kind == "c" else 0)


def make_icon(rng: np.random.Generator) -> tuple[str, ...]:
    """An icon that nobody drew: a few shapes on the grid, most often mirrored, as icons are."""
    mirrored, lines = rng.random() < 0.6, []
    for _ in range(rng.integers(2, 5)):
        x, y = rng.integers(2, 13 if mirrored else 21, 4), rng.integers(2, 22, 4)
        kind = "lllcorfpa"[rng.integers(9)]
        if kind in "lp":
            n = int(rng.integers(2 if kind == "l" else 3, 5))
            shapes = [list(zip(x[:n].tolist(), y[:n].tolist(), strict=True))]
            if mirrored:
                shapes.append([(GRID - a, b) for a, b in shapes[0]])
            lines += [f"{kind} " + " ".join(f"{a},{b}" for a, b in shape) for shape in shapes]
        elif kind in "rf":
            a, b = sorted((int(x[0]), int(x[0]) + int(rng.integers(3, 10))))
            low, high = sorted((int(y[0]), min(22, int(y[0]) + int(rng.integers(3, 10)))))
            b = GRID - a if mirrored and a < 11 else min(22, b)
            lines.append(f"{kind} {a},{low} {b},{max(high, low + 2)} {rng.integers(0, 3)}")
        else:
            r = int(rng.integers(1, 9))
            centre = 12 if mirrored else int(x[1])
            turn = f" {rng.integers(4) * 90} {rng.integers(5, 8) * 90}" if kind == "a" else ""
            lines.append(f"{kind} {centre},{y[1]} {r}{turn}")
    return tuple(lines)
