"""Pages show interfaces: every panel draws something, in light and dark, and one generator one page."""

import numpy as np
import pytest

from models.screens.canvas import Canvas, Lettering
from models.screens.controls import CONTROLS
from models.screens.icons import ICONS, draw_icon, make_icon
from models.screens.pages import PANELS, draw_page
from models.screens.style import COMMON_EM, TEXT_EM, Panel, Style, Theme, draw_theme
from models.screens.typefaces import find_typefaces


def luma(colour: tuple[int, int, int]) -> float:
    return float(np.dot(colour, (0.299, 0.587, 0.114)))


def style(fonts, theme: Theme) -> Style:
    return Style(theme, (find_typefaces(fonts)[0],) * 3, ("latin",) * 3, radius=3, stroke=2)


def page(fonts, seed: int, dark: bool = False) -> np.ndarray:
    theme = draw_theme(np.random.default_rng(seed), dark)
    canvas = Canvas(160, 200, theme.paper, Lettering())
    draw_page(canvas, style(fonts, theme), np.random.default_rng(seed))
    return canvas.picture(2)


def test_a_generator_draws_one_page_and_another_another(fonts):
    assert np.array_equal(page(fonts, 4), page(fonts, 4))
    assert not np.array_equal(page(fonts, 4), page(fonts, 5))


@pytest.mark.parametrize("dark", [False, True])
def test_ink_is_on_the_other_side_of_the_paper_and_can_be_read(dark):
    for seed in range(60):
        theme = draw_theme(np.random.default_rng(seed), dark)
        distance = luma(theme.ink) - luma(theme.paper)
        assert (distance if dark else -distance) > 40
        assert abs(distance) >= abs(luma(theme.muted) - luma(theme.paper))


@pytest.mark.parametrize("draw", PANELS)
def test_every_panel_draws_something_and_little_beyond_its_box(fonts, draw):
    theme = draw_theme(np.random.default_rng(1), dark=False)
    canvas = Canvas(240, 320, theme.paper, Lettering())
    draw(Panel(canvas, (60.0, 40.0, 220.0, 170.0), style(fonts, theme), np.random.default_rng(2)))
    changed = (canvas.picture(1) != theme.paper).any(-1)
    inside = changed[40:170, 60:220]
    assert inside.mean() > 0.02
    assert changed.sum() - inside.sum() < 0.15 * changed.sum() + 20


@pytest.mark.parametrize("draw", CONTROLS)
def test_every_control_draws_something_and_says_where_it_ends(fonts, draw):
    theme = draw_theme(np.random.default_rng(1), dark=True)
    canvas = Canvas(60, 160, theme.paper, Lettering())
    row = Panel(canvas, (10.0, 10.0, 150.0, 29.0), style(fonts, theme), np.random.default_rng(0))
    assert 29 <= draw(row, 10.0) <= 50
    assert (canvas.picture(1) != theme.paper).any(-1).sum() > 50


def test_every_icon_is_drawn_within_its_square_and_made_up_ones_differ():
    for lines in ICONS:
        canvas = Canvas(32, 32, (255, 255, 255), Lettering())
        draw_icon(canvas, 4, 4, 24, lines, (0, 0, 0), 2)
        dark = (canvas.picture(2) < 128).any(-1)
        assert dark.sum() > 20
        assert dark[8:56, 8:56].sum() == dark.sum()
    assert len({make_icon(np.random.default_rng(seed)) for seed in range(30)}) == 30


def test_sizes_of_text_begin_at_five_pixels_and_most_are_small():
    sizes, weights = COMMON_EM
    assert (min(sizes), max(sizes)) == TEXT_EM == (5, 24)
    assert sum(w for size, w in zip(sizes, weights, strict=True) if size < 9) > 0.5 * sum(weights)
