"""Edges, flat parts and legibility are scored apart, for every method."""

import copy
import math
import sys

import numpy as np
import pytest
import torch

from edge.errors import MissingDependency
from edge.evaluate import detail_score as details
from edge.evaluate.detail_score import (
    FontRates,
    Reading,
    RenderedPage,
    error_rates,
    font_folder,
    font_rates,
    read_pages,
    render_pages,
    save_pages,
    score_pages,
)
from edge.evaluate.ocr import missing_ocr
from edge.evaluate.text_pages import Page, draw_text_page
from edge.images.image_file import read_image
from edge.images.pictures import resize_bicubic
from edge.images.pixels import to_float
from edge.run.artifact import Artifact

ABSENT = missing_ocr()
legible = pytest.mark.skipif(ABSENT is not None, reason=f"NOT TESTED: legibility; {ABSENT}")


def with_a_step(**errors: tuple[float, float]) -> RenderedPage:
    """Black left, white right; each method errs by so much beside the step and so much elsewhere."""
    hr = np.zeros((3, 20, 20), np.float32)
    hr[:, :, 10:] = 0.9
    pictures = {"hr": hr}
    for method, (on_edges, elsewhere) in errors.items():
        pictures[method] = hr + np.float32(elsewhere)
        pictures[method][:, :, 9:11] = hr[:, :, 9:11] + np.float32(on_edges)
    return RenderedPage(Page("step", np.empty((20, 20, 3), np.uint8)), 2, hr[:, ::2, ::2], pictures)


def test_errors_on_edges_and_in_flat_parts_are_told_apart():
    scores = score_pages([with_a_step(blurry=(0.1, 0.0), noisy=(0.0, 0.01))])
    assert list(scores) == ["blurry", "noisy"]
    white = 219.859 / 256  # luma of (1, 1, 1)
    assert scores["blurry"].edges_db == pytest.approx(-20 * math.log10(0.1 * white), abs=1e-3)
    assert scores["blurry"].flat_db == math.inf
    assert scores["noisy"].edges_db == math.inf
    assert scores["noisy"].flat_db == pytest.approx(-20 * math.log10(0.01 * white), abs=1e-3)


def test_pixels_of_all_pages_count_alike():
    pages = [with_a_step(m=(0.1, 0.0)), with_a_step(m=(0.0, 0.0))]
    one, both = score_pages(pages[:1])["m"], score_pages(pages)["m"]
    assert both.edges_db == pytest.approx(one.edges_db + 10 * math.log10(2), abs=1e-3)
    assert both.gmsd == pytest.approx(one.gmsd / 2)


@pytest.mark.parametrize(("levels", "is_edge"), [(8, True), (4, False)])
def test_a_step_is_an_edge_from_five_levels_of_luma_on(levels, is_edge):
    page = with_a_step(m=(0.0, 0.0))
    page.pictures["hr"][:, :, :5] += np.float32(levels / 255)
    page.pictures["m"][:, :, :5] += np.float32(levels / 255)
    page.pictures["m"][:, :, 4:6] += np.float32(0.1)
    score = score_pages([page])["m"]
    assert math.isinf(score.flat_db) == is_edge
    assert math.isinf(score.edges_db) != is_edge


@pytest.fixture
def small(monkeypatch):
    """One page of text instead of all."""
    monkeypatch.setattr(details, "TEXT_SIZES", (10,))


@pytest.mark.parametrize(("spec", "scale"), [((2, "fp32"), 2), (("any", "fp32"), 3)], ids=str)
def test_every_method_makes_every_page(tiny, small, spec, scale):
    work = render_pages(Artifact.open(tiny.artifact(*spec)), tiny.model, scale)
    pages = list(work)
    assert [p.page.name for p in pages] == ["text-10px", "icons"]
    assert len(work) == 2
    for p in pages:
        assert list(p.pictures) == ["hr", "artifact", "fp32", "bicubic"]
        assert {picture.shape for picture in p.pictures.values()} == {(3, *p.page.picture.shape[:2])}
        assert all(picture.min() >= 0 and picture.max() <= 1 for picture in p.pictures.values())
        assert p.lr.shape == (3, *(side // scale for side in p.page.picture.shape[:2]))
    scores = score_pages(pages)
    assert scores["artifact"].edges_db == pytest.approx(scores["fp32"].edges_db, abs=0.1)
    # An untrained network is no match for bicubic.
    assert scores["bicubic"].flat_db > scores["fp32"].flat_db + 3


def test_variants_are_drawn_at_the_sizes_that_are_misread_and_the_boxed_one_is_reduced_by_means(
    tiny, monkeypatch
):
    monkeypatch.setattr(details, "TEXT_SIZES", (6, 10))
    pages = {p.page.name: p for p in render_pages(Artifact.open(tiny.artifact(2, "fp32")), tiny.model, 2)}
    assert list(pages) == ["text-6px", "text-10px", "icons", "fonts-6px", "dark-6px", "box-6px"]
    assert [p.page.kind for p in pages.values()] == ["text", "text", "icons", "fonts", "dark", "box"]
    plain, boxed = pages["text-6px"], pages["box-6px"]
    assert np.array_equal(plain.pictures["hr"], boxed.pictures["hr"])
    # Pillow rounds after rows and after columns.
    np.testing.assert_allclose(boxed.lr, means(boxed.pictures["hr"]), atol=1.01 / 255)
    assert np.abs(plain.lr - means(plain.pictures["hr"])).max() > 0.05
    for name, reduced in pages.items():
        if name != "box-6px":
            height, width = reduced.lr.shape[1:]
            assert np.array_equal(reduced.lr, resize_bicubic(reduced.pictures["hr"], (height, width)))


def means(hr: np.ndarray) -> np.ndarray:
    return hr.reshape(3, hr.shape[1] // 2, 2, hr.shape[2] // 2, 2).mean((2, 4))


def test_what_leaves_the_range_is_clamped_before_it_is_scored(tiny, small):
    glaring = copy.deepcopy(tiny.model)
    with torch.no_grad():
        list(glaring.parameters())[-1].add_(9)
    page = next(iter(render_pages(Artifact.open(tiny.artifact(2, "fp32")), glaring, 2)))
    assert (page.pictures["fp32"] == 1).all()


def test_pages_are_saved_as_they_are(tmp_path):
    page = with_a_step(m=(0.0, 0.0))
    save_pages([page], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-hr.png", "step-lr.png", "step-m.png"]
    assert np.abs(read_image(tmp_path / "step-hr.png").rgb - page.pictures["hr"]).max() <= 0.5 / 255 + 1e-6


@legible
def test_what_is_blurred_is_misread_more():
    page = draw_text_page(font_folder(), 6, 2)
    hr = to_float(np.ascontiguousarray(page.picture.transpose(2, 0, 1)))
    blurred = sum(np.roll(hr, (dy, dx), (1, 2)) for dy in range(-2, 3) for dx in range(-2, 3)) / 25
    pages = [RenderedPage(page, 2, hr, {"hr": hr, "blurred": blurred.astype(np.float32)})]
    work = read_pages(pages)
    readings = list(work)
    assert len(readings) == len(work) == 2 * len(page.blocks)
    assert [r.truth for r in readings] == 2 * [block.text for block in page.blocks]
    rates = error_rates(readings)
    assert rates["hr"]["6"] < 0.02 < 0.2 < rates["blurred"]["6"]


def test_error_rates_are_of_characters_by_method_and_size():
    def reading(method: str, size: int, length: int, errors: int) -> Reading:
        return Reading(method, "a font", size, "x" * length, "", errors)

    readings = [reading("a", 6, 10, 5), reading("a", 6, 30, 5), reading("a", 10, 60, 0)]
    readings += [reading("b", 10, 4, 5), reading("b", 6, 4, 1)]
    assert error_rates(readings) == {
        "a": {"6": 0.25, "10": 0, "all": 0.1},
        "b": {"6": 0.25, "10": 1.25, "all": 0.75},
    }
    assert error_rates([]) == {}


def test_rates_of_fonts_have_their_mean_and_the_worst_and_where_bicubic_is_read_better():
    def reading(method: str, font: str, errors: int) -> Reading:
        return Reading(method, font, 6, "x" * 10, "", errors)

    readings = [reading("artifact", "a", 1), reading("artifact", "b", 5), reading("artifact", "c", 0)]
    readings += [reading("bicubic", "a", 3), reading("bicubic", "b", 4), reading("bicubic", "c", 0)]
    rates = font_rates(readings)
    assert list(rates) == ["6"]
    assert rates["6"]["artifact"] == FontRates(pytest.approx(0.2), 0.5, "b", ("b",))
    assert rates["6"]["bicubic"] == FontRates(pytest.approx(7 / 30), 0.4, "b", ())
    assert font_rates([]) == {}


def test_without_the_fonts_it_says_how_to_get_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingDependency, match=r"pip install 'liif-edge\[details\]'"):
        font_folder()
