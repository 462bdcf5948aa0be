"""Pairs of patches of screens: the same whatever was asked for before, aligned, and of every kind."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from models.errors import DataError
from models.screens import sheets
from models.screens.sheets import OPEN_SHEETS, REDUCTIONS, ScreenSheets, ScreenSpec, draw_sheet, reduce

PATCH = 16


@pytest.fixture
def spec(fonts) -> ScreenSpec:
    return ScreenSpec(fonts)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def mean_of_four(large: np.ndarray) -> np.ndarray:
    height, width = large.shape[:2]
    return large.reshape(height // 2, 2, width // 2, 2, 3).mean((1, 3))


def test_a_pair_is_the_same_whatever_was_drawn_before(spec):
    one = ScreenSheets(spec, 0).draw_pair(rng(5), PATCH, 2 * PATCH, 7)
    draw_sheet.cache_clear()
    again = ScreenSheets(spec, 0)
    again.draw_pair(rng(6), PATCH, 2 * PATCH, 90_000)
    for expected, found in zip(one, again.draw_pair(rng(5), PATCH, 2 * PATCH, 7), strict=True):
        assert np.array_equal(expected, found)
    assert one[0].shape == (PATCH, PATCH, 3) and one[1].shape == (2 * PATCH, 2 * PATCH, 3)


def test_sheets_differ_by_number_and_by_seed(spec):
    sheet = draw_sheet(spec, 0, 0)
    assert not np.array_equal(sheet.large, draw_sheet(spec, 0, 1).large)
    assert not np.array_equal(sheet.large, draw_sheet(spec, 1, 0).large)


def test_later_samples_are_of_later_sheets(spec, monkeypatch):
    asked = []

    def note(spec, seed, number):
        asked.append(number)
        return draw_sheet(spec, seed, number % 2)

    monkeypatch.setattr(sheets, "draw_sheet", note)
    pairs = ScreenSheets(replace(spec, per_sheet=10), 0)
    for number in (0, 1000):
        for seed in range(200):
            pairs.draw_pair(rng(seed), PATCH, 2 * PATCH, number)
    assert min(asked[:200]) == 0 and max(asked[:200]) == OPEN_SHEETS - 1
    assert min(asked[200:]) == 100 and max(asked[200:]) == 100 + OPEN_SHEETS - 1


def test_the_page_drawn_small_lies_where_the_large_one_does_and_is_no_reduction_of_it(spec):
    """A shift of one large pixel, half a small one, in any direction makes them differ more."""
    reduction = True
    for number in range(6):
        large, small = draw_sheet(spec, 0, number)

        def error(down: int, right: int, large=large, small=small) -> float:
            moved = np.roll(large, (down, right), (0, 1)).astype(float)
            return float(((mean_of_four(moved) - small)[4:-4, 4:-4] ** 2).mean())

        errors = {(a, b): error(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)}
        assert min(errors, key=errors.__getitem__) == (0, 0)
        reduction &= errors[0, 0] < 1
    assert not reduction


def test_native_pairs_are_the_two_drawings_of_one_place(spec):
    pairs = ScreenSheets(replace(spec, native=1.0), 0)
    for seed in range(20):
        small, large = pairs.draw_pair(rng(seed), PATCH, 2 * PATCH, 0)
        assert any(
            np.array_equal(small, sheet.small[y : y + PATCH, x : x + PATCH])
            for sheet in (draw_sheet(spec, 0, n) for n in range(OPEN_SHEETS))
            for y, x in places_of(sheet.large, large)
        )


def places_of(sheet: np.ndarray, patch: np.ndarray) -> list[tuple[int, int]]:
    """Where, in pixels at 1×, ``patch`` lies in ``sheet``."""
    rows, columns = np.nonzero((sheet[::2, ::2] == patch[0, 0]).all(-1))
    side = len(patch)
    return [
        (y, x)
        for y, x in zip(rows.tolist(), columns.tolist(), strict=True)
        if np.array_equal(sheet[2 * y : 2 * y + side, 2 * x : 2 * x + side], patch)
    ]


def test_reduced_pairs_are_reduced_by_every_filter():
    large = rng(1).integers(0, 256, (2 * PATCH, 2 * PATCH, 3), np.uint8)
    assert {resample.name for resample, _ in REDUCTIONS} == {"BICUBIC", "BOX", "BILINEAR", "LANCZOS"}
    generator = rng(2)
    made = [reduce(large, PATCH, generator).tobytes() for _ in range(400)]
    for resample, share in REDUCTIONS:
        expected = Image.fromarray(large).resize((PATCH, PATCH), resample).tobytes()
        assert made.count(expected) / 400 == pytest.approx(share, abs=0.08)


@pytest.mark.parametrize("side", [2 * PATCH, 3 * PATCH])
def test_without_a_native_share_or_at_another_scale_a_patch_is_reduced_from_the_large_one(spec, side):
    pairs = ScreenSheets(replace(spec, native=0.0 if side == 2 * PATCH else 1.0), 0)
    for seed in range(6):
        small, large = pairs.draw_pair(rng(seed), PATCH, side, 0)
        image = Image.fromarray(large)
        assert small.tobytes() in {image.resize((PATCH, PATCH), kind).tobytes() for kind, _ in REDUCTIONS}


def test_sheets_are_dark_as_often_as_the_spec_says(spec):
    for share in (0.0, 0.5, 1.0):
        papers = [
            sheets.draw_style(replace(spec, dark=share), rng(seed))[0].theme.paper for seed in range(200)
        ]
        dark = np.mean([np.mean(paper) < 128 for paper in papers])
        assert dark == pytest.approx(share, abs=0.1)


def test_every_mode_of_lettering_comes(spec):
    generator = rng(2)
    letterings = [sheets.draw_style(spec, generator)[1] for _ in range(400)]
    for mode, share in sheets.MODE_SHARES.items():
        assert np.mean([lettering.mode == mode for lettering in letterings]) == pytest.approx(share, abs=0.08)
    assert {lettering.pinned for lettering in letterings} == {False, True}


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"native": 1.5}, "native from 0 to 1, found 1.5"),
        ({"dark": float("nan")}, "dark from 0 to 1, found nan"),
        ({"per_sheet": 0}, "per_sheet of at least 1, found 0"),
    ],
)
def test_values_that_cannot_be_are_named(fonts, values, named):
    with pytest.raises(DataError, match=named):
        ScreenSpec(fonts, **values)


def test_a_folder_without_fonts_is_refused_before_anything_is_drawn(tmp_path):
    with pytest.raises(DataError, match="found none"):
        ScreenSheets(ScreenSpec(tmp_path), 0)


def test_a_patch_larger_than_a_sheet_is_refused(spec):
    with pytest.raises(DataError, match="patches of at most 480 pixels, found 600"):
        ScreenSheets(spec, 0).draw_pair(rng(), 300, 600, 0)
