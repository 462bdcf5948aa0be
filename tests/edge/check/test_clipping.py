"""A range is judged by what lies outside, by how far, and by the error that another range would not make."""

import pytest
import torch

from edge.backends.backend import Steps
from edge.check.clipping import Activations, Known, RangeFit
from quantize.ranges import Histogram

EVEN = torch.linspace(-1, 1, 10_001)


def steps(low: float, high: float) -> Steps:
    return Steps((high - low) / 255, low, high)


def fitted(held: Steps, known: Known = Known(), **values: torch.Tensor) -> RangeFit:  # noqa: B008
    activations = Activations("output", held, known)
    for source in ("pictures", "colours", "calibration", "extremes"):
        activations.add(values.get(source, EVEN), source)
    return activations.fit()


def test_pictures_and_colours_are_told_apart_by_the_share_outside_and_the_reach():
    fit = fitted(steps(-1, 1), pictures=0.5 * EVEN, colours=1.5 * EVEN)
    assert (fit.pictures.clipped, fit.pictures.reach) == (0, pytest.approx(0.75))
    assert fit.colours.clipped == pytest.approx(1 / 3, abs=0.01)
    assert fit.colours.reach == pytest.approx(1.25)  # half a unit beyond a range of two
    assert "1.25x on pure colours (33 % outside) and 0.75x on the pictures (0 % outside)" in fit.in_words


def test_half_a_step_beyond_the_end_is_rounding_and_not_outside():
    held = steps(-1, 1)
    ends = torch.tensor([-1.0, 1.0])
    assert fitted(held, colours=ends * (1 + 0.4 * held.size)).colours.clipped == 0
    assert fitted(held, colours=ends * (1 + 0.6 * held.size)).colours.clipped == 1


@pytest.mark.parametrize(
    ("share", "is_wrong"), [(1.0, False), (0.995, False), (1.2, False), (0.75, True), (1.35, True)]
)
def test_a_range_is_wrong_that_makes_more_error_than_calibrations_choice(share, is_wrong):
    fit = fitted(steps(-share, share))
    assert fit.is_wrong == is_wrong
    assert fit.width == pytest.approx(share, rel=0.03)  # the best one is found in steps of a fortieth


def test_a_rare_value_may_be_clipped_unless_all_must_be_held_and_an_area_may_not():
    noise = 0.05 * torch.randn(100_000, generator=torch.Generator().manual_seed(0))
    rare, area = (torch.cat([noise, torch.full((count,), 0.5)]) for count in (1, 10_000))
    held = steps(-0.3, 0.3)
    assert not fitted(held, calibration=noise, extremes=rare).is_wrong
    assert fitted(held, Known(whole=True), calibration=noise, extremes=rare).is_wrong
    assert fitted(held, calibration=noise, extremes=area).is_wrong


def test_the_best_range_is_the_one_that_the_method_calls_best():
    noise = torch.randn(1_000_000, generator=torch.Generator().manual_seed(0))
    histogram = Histogram()
    histogram.add(noise)
    low, high = histogram.range("mse", 16.0)

    def excess_db(clip_weight: float) -> float:
        activations = Activations("output", steps(low, high), Known(), clip_weight)
        for source in ("pictures", "colours", "calibration", "extremes"):
            activations.add(noise, source)
        return activations.fit().excess_db

    assert excess_db(16.0) == pytest.approx(0, abs=1e-6)
    assert excess_db(1.0) > 0.1


@pytest.mark.parametrize(("share", "is_wrong"), [(1.0, False), (1.2, False), (0.75, True), (2.0, True)])
def test_a_range_that_holds_everything_is_wrong_where_it_clips_or_is_hardly_used(share, is_wrong):
    assert fitted(steps(-share, share), Known(whole=True)).is_wrong == is_wrong


@pytest.mark.parametrize(("by", "is_wrong"), [(0.0, False), (0.1, False), (-1.0, True), (1.0, True)])
def test_a_range_is_wrong_that_starts_a_step_from_where_it_has_to(by, is_wrong):
    size = 1 / 255
    fit = fitted(
        Steps(size, by * size, 1 + by * size), Known(start=0.0), calibration=EVEN.relu(), extremes=EVEN.relu()
    )
    assert fit.shift == pytest.approx(by)
    assert fit.is_wrong == is_wrong == ("from where it has to" in fit.in_words)


def test_every_range_holds_what_is_always_zero():
    nothing = torch.zeros(10)
    fit = fitted(steps(-1, 1), pictures=nothing, colours=nothing, calibration=nothing, extremes=nothing)
    assert fit.excess_db == 0 and not fit.is_wrong
