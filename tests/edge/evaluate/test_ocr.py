"""Text is read by tesseract, and errors are counted by character."""

import os
import sys

import numpy as np
import pytest

from edge.evaluate.detail_score import font_folder
from edge.evaluate.ocr import count_errors, missing_ocr, read_text
from edge.evaluate.text_pages import PARAGRAPHS, draw_text_page
from edge.images.pixels import to_float

ABSENT = missing_ocr()
legible = pytest.mark.skipif(ABSENT is not None, reason=f"NOT TESTED: legibility; {ABSENT}")


@pytest.mark.parametrize(
    ("read", "truth", "errors"),
    [
        ("", "", 0),
        ("river", "river", 0),
        ("", "river", 5),
        ("river", "", 5),
        ("rver", "river", 1),
        ("riiver", "river", 1),
        ("niver", "river", 1),
        ("modem", "modern", 2),
        ("kitten", "sitting", 3),
        ("abcdef", "fabcde", 2),
    ],
)
def test_errors_are_the_fewest_edits_that_make_the_truth(read, truth, errors):
    assert count_errors(read, truth) == count_errors(truth, read) == errors


@legible
def test_large_text_is_read_without_an_error_dark_on_light_and_light_on_dark():
    page = draw_text_page(font_folder(), 14, 4)
    picture = to_float(page.picture.transpose(2, 0, 1))
    assert {sum(p.paper) < sum(p.ink) for p in PARAGRAPHS} == {False, True}
    for block in page.blocks:
        band = picture[:, 4 * block.top : 4 * block.bottom]
        assert read_text(band, 4 * block.size) == block.text


@legible
def test_an_empty_picture_has_no_text_and_the_environment_is_left_as_it_was(monkeypatch):
    white = np.ones((3, 60, 200), np.float32)
    monkeypatch.setenv("OMP_THREAD_LIMIT", "3")
    assert read_text(white, 20) == ""
    assert os.environ["OMP_THREAD_LIMIT"] == "3"
    monkeypatch.delenv("OMP_THREAD_LIMIT")
    read_text(white, 20)
    assert "OMP_THREAD_LIMIT" not in os.environ


def test_without_the_package_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytesseract", None)
    assert missing_ocr() == "found no pytesseract; pip install 'liif-edge[ocr]'"


def test_without_the_program_it_says_how_to_get_it(monkeypatch, tmp_path):
    pytest.importorskip("pytesseract", reason="NOT TESTED: a missing tesseract; no pytesseract here")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing_ocr() == "found no tesseract; apt-get install tesseract-ocr"
