"""One drawing on two screens: shapes are reductions of each other, and text is where its rasteriser says."""

import numpy as np
import pytest

from models.screens.canvas import Canvas, Lettering
from models.screens.sheets import MODE_SHARES
from models.screens.typefaces import find_typefaces

INK, PAPER = (20, 40, 90), (250, 240, 230)


def drawn(lettering: Lettering) -> Canvas:
    return Canvas(40, 90, PAPER, lettering)


def written(fonts, lettering: Lettering) -> tuple[np.ndarray, np.ndarray]:
    """The screen at 1×, and the mean over the pixels of the one at 2×."""
    canvas = drawn(lettering)
    canvas.text(3.3, 20, "Illness 8 mm", find_typefaces(fonts)[0], 9, INK)
    large = canvas.picture(2).astype(float)
    return canvas.picture(1).astype(float), large.reshape(40, 2, 90, 2, 3).mean((1, 3))


def test_shapes_cover_their_share_of_every_pixel_at_both_scales():
    canvas = drawn(Lettering())
    canvas.rectangle((2, 2, 20, 12), INK)
    canvas.rectangle((24.5, 2.25, 40, 12), INK, radius=3)
    canvas.rectangle((44, 3, 60, 13), INK, radius=2, line=1)
    canvas.ellipse((5, 16, 21, 30), INK)
    canvas.polygon([(30, 16), (44, 18), (36, 30)], INK)
    canvas.line([(50, 18), (62, 34), (70, 20)], INK, 1.5)
    canvas.arc((70, 4, 86, 20), 0, 200, INK, 2)
    large = canvas.picture(2).astype(float).reshape(40, 2, 90, 2, 3).mean((1, 3))
    np.testing.assert_allclose(canvas.picture(1), large, atol=3)
    assert (canvas.picture(1)[5, 5] == INK).all()
    assert (canvas.picture(1) == PAPER).all(-1).mean() > 0.5


def test_unhinted_text_is_the_mean_over_its_pixels_and_hinted_text_is_not(fonts):
    small, reduced = written(fonts, Lettering("smooth"))
    np.testing.assert_allclose(small, reduced, atol=3)
    small, reduced = written(fonts, Lettering("hinted"))
    assert np.abs(small - reduced).max() > 40


def test_text_without_antialiasing_has_two_colours_and_text_in_subpixels_has_fringes(fonts):
    small, _ = written(fonts, Lettering("aliased"))
    assert len(np.unique(small.reshape(-1, 3), axis=0)) == 2

    def fringe(mode: str) -> float:
        """How far the shares of ink in red and in blue are apart."""
        share = (written(fonts, Lettering(mode))[0] - PAPER) / (np.array(INK, float) - PAPER)
        return float(np.abs(share[..., 0] - share[..., 2]).max())

    assert fringe("subpixel") > 0.2
    assert fringe("smooth") < 0.02


@pytest.mark.parametrize("mode", MODE_SHARES)
@pytest.mark.parametrize("pinned", [False, True])
def test_no_mode_moves_text_from_one_scale_to_the_other(fonts, mode, pinned):
    """A letter may be half a pixel off, by rounding; many of them are not."""
    generator, face, shifts = np.random.default_rng(0), find_typefaces(fonts)[0], []
    for _ in range(40):
        canvas = drawn(Lettering(mode, pinned))
        x, baseline, em = generator.uniform((3, 19, 7), (9, 21, 12))
        canvas.text(x, baseline, "Illness 8 mm", face, em, INK)
        reduced = canvas.picture(2).astype(float).reshape(40, 2, 90, 2, 3).mean((1, 3))
        shifts.append(centre(canvas.picture(1)) - centre(reduced))
    assert np.abs(np.mean(shifts, 0)).max() < 0.5


def centre(picture: np.ndarray) -> np.ndarray:
    """Row and column of the centre of the ink, by green."""
    ink = PAPER[1] - picture[..., 1].astype(float)
    sums = ink.sum(1), ink.sum(0)
    return np.array([(s * np.arange(len(s))).sum() / s.sum() for s in sums])


def test_pinned_letters_are_whole_pixels_apart(fonts):
    face = find_typefaces(fonts)[0]
    assert drawn(Lettering("hinted", pinned=True)).text(3.3, 20, "mmm", face, 9.4, INK) == 3 + 3 * round(
        9.4 * face.width("m")
    )
    assert drawn(Lettering()).text(3.3, 20, "mmm", face, 9.4, INK) == pytest.approx(
        3.3 + 9.4 * face.width("mmm")
    )


@pytest.mark.parametrize("mode", ["smooth", "hinted", "subpixel"])
def test_a_gamma_below_one_makes_strokes_bolder(fonts, mode):
    thin, bold = (written(fonts, Lettering(mode, gamma=gamma))[0] for gamma in (1.0, 0.7))
    assert bold.mean() < thin.mean() - 0.5


def test_what_lies_beside_the_screen_is_cut_off(fonts):
    canvas = drawn(Lettering())
    canvas.ellipse((-10, -10, 4, 4), INK)
    canvas.line([(80, 30), (200, 90)], INK)
    canvas.rectangle((-5, 36, 99, 60), INK)
    canvas.text(70, 20, "beyond the border", find_typefaces(fonts)[0], 12, INK)
    canvas.text(200, 20, "beyond", find_typefaces(fonts)[0], 12, INK)
    assert canvas.picture(1).shape == (40, 90, 3) and canvas.picture(2).shape == (80, 180, 3)
    assert (canvas.picture(1)[38] == INK).all()
