"""A check fails when any measure leaves its threshold, NaN included, and not over what has no value."""

import math
from dataclasses import astuple, replace

import numpy as np
import pytest

from edge.check.comparison import Comparison, compare, judge
from edge.precisions import NUMERICS
from models.liif.coordinates import well_posed

LR = np.random.default_rng(0).random((3, 20, 24), np.float32)


def picture(scale: int = 2) -> np.ndarray:
    y, x = np.mgrid[0 : LR.shape[1] * scale, 0 : LR.shape[2] * scale]
    waves = [0.5 + 0.4 * np.sin(x / 3), 0.5 + 0.4 * np.cos(y / 2), 0.5 + 0.4 * np.sin((x + y) / 5)]
    return np.stack(waves).astype(np.float32)


def test_a_picture_is_equal_to_itself():
    result = compare("same", picture(), picture(), LR)
    assert result == Comparison("same", math.inf, 1.0, 0.0, block_at=(0, 0))
    assert judge([result], "fp32").passed


def test_the_measures_are_psnr_ssim_and_the_largest_difference():
    shifted = picture() + np.float32(0.01)
    result = compare("shifted", shifted, picture(), LR)
    assert result.psnr_db == pytest.approx(40, abs=0.01)
    assert result.max_abs == pytest.approx(0.01, abs=1e-6)
    assert 0.99 < result.ssim < 1
    assert result.worst_block == pytest.approx(2.55, abs=1e-3)
    assert (result.worst_flat, result.flat_at) == (0, None)  # no area of this input has one colour


def test_the_worst_block_is_the_one_whose_mean_colour_is_off_most_wherever_it_lies():
    noisy = picture() + np.random.default_rng(1).normal(0, 0.02, picture().shape).astype(np.float32)
    assert compare("noise", noisy, picture(), LR).worst_block < 1  # a mean colour hardly moves
    for corner in ((slice(0, 16), slice(0, 16)), (slice(24, 40), slice(32, 48))):
        off = picture() - np.float32(0)
        off[2, *corner] += 5 / 255
        result = compare("off", off, picture(), LR)
        assert result.worst_block == pytest.approx(5, abs=1e-3)
        assert result.block_at == tuple(side.start for side in corner)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_flat_areas_are_those_around_which_the_input_has_one_colour(scale):
    lr = LR.copy()
    lr[:, :, 6:] = np.float32(0.25)  # three quarters of it
    for column, is_flat in ((0, False), (8, False), (24 * scale - 16, True)):
        off = picture(scale)
        off[0, :16, column : column + 16] += 4 / 255
        result = compare("off", off, picture(scale), lr)
        assert result.worst_block > 3.7  # at ×3 a row of it has no value
        assert (result.worst_flat > 3.7) == is_flat
        assert result.block_at == (0, column)
        assert (result.flat_at == (0, column)) == is_flat


def test_values_beyond_the_range_count_as_its_ends():
    bright = np.full((3, 40, 48), 1.0, np.float32)
    assert compare("bright", bright + 5, bright, LR).max_abs == 0


@pytest.mark.parametrize("precision", NUMERICS)
def test_each_measure_has_a_threshold_of_its_own(precision):
    limit = NUMERICS[precision].threshold
    good = Comparison("tile", *astuple(limit))
    assert judge([good], precision).failures == ()
    bad = {
        "PSNR": replace(good, psnr_db=limit.psnr_db - 0.01),
        "SSIM": replace(good, ssim=limit.ssim - 1e-6),
        "differences": replace(good, max_abs=limit.max_abs * 1.01),
        "16x16 block": replace(good, worst_block=limit.worst_block * 1.01),
        "flat areas": replace(good, worst_flat=limit.worst_flat * 1.01),
    }
    for word, comparison in bad.items():
        (failure,) = judge([good, comparison], precision).failures
        assert failure.startswith("tile: expected ") and word in failure and "found" in failure
    everything = Comparison("tile", 0, 0, 1, 99, 99)
    assert len(judge([everything], precision).failures) == 5


def test_thresholds_are_looser_for_fewer_bits():
    order = [NUMERICS[p].threshold for p in ("fp32", "fp16", "int8-weights", "int8-dynamic", "int8")]
    assert [t.psnr_db for t in order] == sorted((t.psnr_db for t in order), reverse=True)
    assert [t.ssim for t in order] == sorted((t.ssim for t in order), reverse=True)
    for name in ("max_abs", "worst_block", "worst_flat"):
        assert [getattr(t, name) for t in order] == sorted(getattr(t, name) for t in order)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_one_value_that_is_no_number_fails(precision, value):
    sr = picture()
    sr[1, 17, 11] = value
    result = judge(
        [compare("tile", sr, picture(), LR), compare("other", picture(), picture(), LR)], precision
    )
    assert not result.passed
    assert any(failure.startswith("tile: ") for failure in result.failures)
    assert not any(failure.startswith("other: ") for failure in result.failures)
    if math.isnan(value):
        assert len(result.failures) == 4  # no area of this input is flat
        assert math.isnan(result.overall.psnr_db)
        assert math.isnan(result.overall.max_abs)


def test_one_changed_pixel_fails_in_fp32():
    sr = picture()
    sr[0, 3, 3] += 2e-4
    assert judge([compare("tile", sr, picture(), LR)], "fp32").failures == (
        "tile: expected differences up to 0.0001, found 0.0002",
    )


def test_all_pictures_together_are_the_mean_squared_error_the_mean_ssim_and_the_largest_difference():
    result = judge([Comparison("a", 40, 0.9, 0.1, 2.0, 0.5), Comparison("b", 50, 0.8, 0.3, 1.0, 0.7)], "int8")
    mse = (1e-4 + 1e-5) / 2
    assert result.overall.psnr_db == pytest.approx(-10 * math.log10(mse))
    assert result.overall.ssim == pytest.approx(0.85)
    assert result.overall.max_abs == 0.3
    assert (result.overall.worst_block, result.overall.worst_flat) == (2.0, 0.7)
    equal = judge([Comparison("a", math.inf, 1, 0)], "fp32").overall
    assert equal.psnr_db == math.inf


def test_the_worst_cases_are_named_with_their_picture_their_place_and_their_limit():
    fine = Comparison("fine", 60, 1, 0, 0.1, 0.1, (0, 0), (0, 8))
    far, off = (
        replace(fine, name="far", psnr_db=45),
        replace(fine, name="off", worst_block=3.5, block_at=(8, 0)),
    )
    flat = replace(fine, name="flat", worst_flat=2.5, worst_block=2.6, flat_at=(16, 24))
    cases = judge([fine, far, off, flat], "int8").worst_cases
    assert [(c.measure, c.name, c.at, c.found, c.limit, c.passed) for c in cases] == [
        ("picture", "far", None, 45, 42, True),
        ("block", "off", (8, 0), 3.5, 3, False),
        ("flat", "flat", (16, 24), 2.5, 2, False),
    ]
    assert cases[0].row == ["picture", "far", "", "45.00 dB", "≥ 42"]
    assert cases[1].row == ["block of 16x16", "off", "row 8, column 0", "3.50 of 255", "≤ 3"]
    assert cases[2].row[0] == "flat area"


def test_the_worst_case_is_the_one_with_a_value_that_is_no_number():
    fine = Comparison("fine", 60, 1, 0, 0.1, 0.1, (0, 0), (0, 8))
    broken = replace(fine, name="broken", psnr_db=math.nan, worst_block=math.nan, worst_flat=math.nan)
    cases = judge([fine, broken, replace(fine, psnr_db=30, worst_block=9)], "int8").worst_cases
    assert [(case.name, case.passed) for case in cases] == [("broken", False)] * 3


def test_without_an_area_of_one_colour_there_is_no_worst_one():
    nowhere, somewhere = Comparison("a", 60, 1, 0), Comparison("b", 60, 1, 0, flat_at=(0, 0))
    assert [case.measure for case in judge([nowhere], "int8").worst_cases] == ["picture", "block"]
    assert judge([nowhere, somewhere], "int8").worst_cases[2].name == "b"


@pytest.mark.parametrize("n_in", [1, 2, 5, 64])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_at_x3_the_last_row_but_one_has_no_value_and_all_others_have(n_in, scale):
    undefined = np.flatnonzero(~well_posed(n_in, scale * n_in))
    assert undefined.tolist() == ([scale * n_in - 2] if scale == 3 else [])


def test_what_the_reference_has_no_value_for_is_not_compared():
    reference, sr = picture(3), picture(3)
    sr[:, -2] = 0.123
    sr[:, :, -2] = math.nan
    assert compare("tile", sr, reference, LR) == Comparison("tile", math.inf, 1.0, 0.0, block_at=(0, 0))
    sr[:, -3, 0] += 0.5
    assert compare("tile", sr, reference, LR).max_abs == pytest.approx(0.5, abs=1e-6)
