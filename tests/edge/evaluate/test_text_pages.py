"""Pages of text and icons: always the same, truly small, and of nothing that a net was trained on."""

import re

import numpy as np
import pytest
from PIL import ImageFont

from edge.evaluate import text_pages
from edge.evaluate.detail_score import font_folder
from edge.evaluate.text_pages import (
    DARK_MODE,
    ICON_CELL,
    ICON_FONT,
    ICONS,
    MARGIN,
    MORE_FONTS,
    PARAGRAPHS,
    TEXT_SIZES,
    draw_icon_page,
    draw_text_page,
)
from models.drawings import VOCABULARY
from models.errors import DataError
from models.screens.typefaces import find_typefaces
from models.screens.words import CODE, MADE_UP, WORDS

FONTS = font_folder()


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def test_no_word_is_one_of_those_that_training_sheets_are_drawn_with():
    assert words(" ".join(line for p in PARAGRAPHS for line in p.lines)) & words(VOCABULARY) == set()


def test_no_word_is_one_of_those_that_training_screens_are_drawn_with():
    """Numbers are drawn digit by digit, and single letters are no words."""
    shown = {word for word in words(" ".join(line for p in PARAGRAPHS for line in p.lines)) if word.isalpha()}
    assert {word for word in shown if len(word) > 1} & words(" ".join((*WORDS, *MADE_UP, *CODE))) == set()


def test_no_font_of_this_folder_is_one_that_training_screens_are_drawn_in():
    with pytest.raises(DataError, match="besides those that are measured with"):
        find_typefaces(FONTS)


def test_no_font_is_pillows_which_training_sheets_are_drawn_in():
    names = {ImageFont.truetype(FONTS / p.font).getname()[0] for p in PARAGRAPHS}
    assert len(names) == len(PARAGRAPHS)
    assert ImageFont.load_default(10.0).getname()[0] not in names


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("size", TEXT_SIZES)
def test_a_text_page_is_whole_low_resolution_pixels_of_paragraphs(size, scale):
    page = draw_text_page(FONTS, size, scale)
    height, width, channels = page.picture.shape
    assert (height % scale, width % scale, channels, page.picture.dtype) == (0, 0, 3, np.uint8)
    assert page.blocks[0].top == 0
    for block, after in zip(page.blocks, page.blocks[1:], strict=False):
        assert block.bottom == after.top
    assert scale * page.blocks[-1].bottom == height


def test_text_is_as_small_as_its_size_says():
    """From the top of the capital to the baseline of "Your parcel …": 0.73 em in DejaVu Sans."""
    for size in TEXT_SIZES:
        page = draw_text_page(FONTS, size, 4)
        first_line = page.picture[: 4 * (MARGIN + round(1.25 * size)), :, 0] < 128
        letter = first_line[:, : 4 * MARGIN + 2 * size]  # the Y, 0.6 em wide, to its middle
        rows = np.nonzero(letter.any(axis=1))[0]
        assert (rows[-1] - rows[0] + 1) / 4 == pytest.approx(0.73 * size, abs=0.5)


@pytest.mark.parametrize("scale", [2, 3])
def test_the_same_page_is_drawn_again(scale):
    for draw in (lambda: draw_text_page(FONTS, 8, scale), lambda: draw_icon_page(FONTS, scale)):
        assert np.array_equal(draw().picture, draw().picture)


def test_nothing_is_cut_off_at_the_border_of_a_band():
    page = draw_text_page(FONTS, 14, 2)
    for block, paragraph in zip(page.blocks, PARAGRAPHS, strict=True):
        band = page.picture[2 * block.top : 2 * block.bottom]
        for border in (band[:2], band[-2:], band[:, :2], band[:, -2:]):
            assert (border == paragraph.paper).all()
        assert block.text.split() == " ".join(paragraph.lines).split()
    icons = draw_icon_page(FONTS, 2).picture
    for border in (icons[:, :2], icons[:, -2:]):
        assert all(len(np.unique(row, axis=0)) == 1 for row in border)


def test_every_icon_is_in_the_font_and_fits_its_cell():
    font = ImageFont.truetype(FONTS / ICON_FONT, 100)
    absent = bytes(font.getmask("\uffff"))
    for icon in ICONS:
        assert bytes(font.getmask(icon)) != absent
        assert font.getlength(icon) <= 100 * ICON_CELL


def test_icons_come_in_several_sizes_and_colours():
    page = draw_icon_page(FONTS, 2)
    assert page.blocks == ()
    assert len(np.unique(page.picture.reshape(-1, 3), axis=0)) > 200
    assert len(text_pages.ICON_SIZES) == len(text_pages.ICON_COLOURS)


def test_more_fonts_are_other_fonts_with_the_same_words_light_and_dark():
    assert {p.font for p in MORE_FONTS} & {p.font for p in PARAGRAPHS} == set()
    assert len({p.font for p in MORE_FONTS}) == len(MORE_FONTS) >= 8
    assert {p.lines for p in MORE_FONTS} <= {p.lines for p in PARAGRAPHS}
    assert {sum(p.ink) < sum(p.paper) for p in MORE_FONTS} == {True, False}
    for paragraph in MORE_FONTS:
        font = ImageFont.truetype(FONTS / paragraph.font, 40)
        absent = bytes(font.getmask("\uffff"))
        letters = set("".join(paragraph.lines)) - {" "}
        assert all(bytes(font.getmask(letter)) != absent for letter in letters)


def test_dark_mode_is_the_same_text_light_on_dark():
    assert [(p.font, p.lines) for p in DARK_MODE] == [(p.font, p.lines) for p in PARAGRAPHS]
    page = draw_text_page(FONTS, 8, 2, DARK_MODE, "dark")
    assert (page.name, page.kind) == ("dark-8px", "dark")
    assert page.picture.mean() < 80
    assert len({p.paper for p in DARK_MODE}) == len(DARK_MODE)
