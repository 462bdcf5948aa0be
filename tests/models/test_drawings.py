"""Drawn pictures are the same for the same seed, of the size asked for, and full of edges."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from models.drawings import ICONS, draw_colours, draw_sample, draw_sheet


def edges(picture: np.ndarray) -> float:
    """Share of pixels that differ clearly from their right neighbour."""
    return float((abs(np.diff(picture.astype(int), axis=1)).max(axis=2) > 30).mean())


@pytest.mark.parametrize("size", [(1, 1), (17, 90), (128, 96), (192, 256)])
def test_sheets_have_the_size_asked_for(size):
    sheet = draw_sheet(*size, seed=0)
    assert sheet.shape == (*size, 3)
    assert sheet.dtype == np.uint8


def test_the_same_seed_draws_the_same_sheet_and_another_one_another():
    assert np.array_equal(draw_sheet(64, 80, 3), draw_sheet(64, 80, 3))
    assert not np.array_equal(draw_sheet(64, 80, 3), draw_sheet(64, 80, 4))


@pytest.mark.parametrize("seed", range(12))
def test_no_sheet_is_blank_or_grey(seed):
    sheet = draw_sheet(128, 160, seed)
    assert edges(sheet) > 0.02
    assert len(np.unique(sheet.reshape(-1, 3), axis=0)) > 100
    assert np.ptp(sheet.astype(int), axis=2).max() > 30


@pytest.mark.parametrize("seed", range(4))
def test_pure_colours_fill_areas_with_sharp_edges(seed):
    picture = draw_colours(128, 160, seed)
    assert np.array_equal(picture, draw_colours(128, 160, seed))
    steps = abs(np.diff(picture.astype(int), axis=1)).max(axis=2)
    assert (steps == 0).mean() > 0.7  # elsewhere edges, checks and stripes
    assert (steps > 120).mean() > 0.02
    assert np.isin(picture, (0, 128, 255)).mean() > 0.5
    checks = (picture[:, 4:] == picture[:, :-4]) & (picture[:, 4:] != picture[:, 2:-2])
    assert checks.any(axis=2).mean() > 0.02  # 2 pixels wide: 1 at half the size


def test_edges_are_smooth():
    """Reduced from four times the size: between ink and paper lie mixtures."""
    sample = draw_sample()
    assert len(np.unique(sample)) > 150


def test_the_sample_is_a_screen_of_text_and_icons():
    sample = draw_sample()
    assert sample.shape == (240, 360, 3)
    assert np.array_equal(sample, draw_sample())
    assert edges(sample[:30]) > 0.02  # the title
    for number in range(len(ICONS)):
        y, x = 42 + (number // 5) * 56, 14 + (number % 5) * 68
        assert edges(sample[y + 8 : y + 36, x + 12 : x + 40]) > 0.02
    for row in range(4):
        assert edges(sample[158 + 19 * row : 176 + 19 * row]) > 0.05


@pytest.mark.parametrize("icon", ICONS, ids=lambda icon: icon.__name__.strip("_"))
@pytest.mark.parametrize("side", [6.0, 40.0])
def test_every_icon_draws_inside_its_square(icon, side):
    image = Image.new("RGB", (80, 80), (0, 0, 0))
    icon(ImageDraw.Draw(image), 20, 20, side, (255, 0, 0), (0, 255, 0))
    drawn = np.asarray(image).any(axis=2)
    assert drawn.any()
    rows, columns = np.nonzero(drawn)
    margin = 2 + side / 10  # the outer arcs of round ends
    assert rows.min() >= 20 - margin and columns.min() >= 20 - margin
    assert rows.max() <= 20 + side + margin and columns.max() <= 20 + side + margin
