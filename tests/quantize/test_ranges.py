"""Ranges hold what calibration saw, or what most of it was."""

import math

import pytest
import torch

from quantize.ranges import ADDED_ERROR, BINS, COUNTED, Histogram, NonFinite, coarser, least_error_scales


def seen(*batches: torch.Tensor) -> Histogram:
    histogram = Histogram()
    for batch in batches:
        histogram.add(batch)
    return histogram


def noise(count: int = 100_000, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, generator=torch.Generator().manual_seed(seed))


def rounding_error(values: torch.Tensor, low: float, high: float) -> float:
    step = (high - low) / 255
    rounded = ((values / step).round() * step).clamp(low, high)
    return float((rounded - values).square().mean())


def test_min_max_is_what_was_seen_and_zero():
    histogram = seen(torch.tensor([2.0, 3.0]), torch.tensor([5.0]))
    assert histogram.range("min-max") == (0.0, 5.0)
    assert seen(torch.tensor([-1.5])).range("min-max") == (-1.5, 0.0)


@pytest.mark.parametrize("method", ["percentile", "mse"])
def test_a_lone_outlier_is_clipped(method):
    low, high = seen(noise(1_000_000), torch.tensor([20.0, -20.0])).range(method)
    assert 2.5 < high < 12.5 and -12.5 < low < -2.5


def test_the_least_error_is_less_than_that_of_the_whole_range():
    values = noise(1_000_000).abs() ** 1.5 * noise(1_000_000, 1).sign()
    histogram = seen(values)
    least, whole = (rounding_error(values, *histogram.range(m)) for m in ("mse", "min-max"))
    assert least < 0.8 * whole


def test_what_is_clipped_may_count_more_and_then_the_range_holds_more():
    histogram = seen(noise(1_000_000))
    once, often = (histogram.range("mse", clip_weight)[1] for clip_weight in (1.0, 4.0))
    assert once < often < histogram.high
    assert histogram.error(-often, often, 4.0) < histogram.error(-once, once, 4.0)


def test_evenly_spread_values_keep_their_whole_range():
    low, high = seen(torch.linspace(-2, 1, 10_000)).range("mse")
    assert (low, high) == pytest.approx((-2, 1), rel=0.06)


@pytest.mark.parametrize("method", ["percentile", "mse"])
def test_the_order_of_batches_and_a_growing_range_change_little(method):
    batches = [noise(seed=1) * 0.01, noise(seed=2), noise(seed=3) * 0.1]
    a, b = (seen(*order).range(method) for order in (batches, batches[::-1]))
    assert a == pytest.approx(b, rel=0.07)


def test_a_part_of_many_values_is_counted_and_every_column_of_even_rows_is_met():
    counts = seen(torch.tensor([-1.0, 1.0]).repeat(2 * COUNTED)).counts
    assert COUNTED / 2 < counts.sum() < 2 * COUNTED
    assert counts[: len(counts) // 2].sum() == pytest.approx(counts.sum() / 2, abs=1)


@pytest.mark.parametrize("unit", [1e-43, 0.3, 1.0, 1e37])
def test_values_are_counted_in_equal_bins_and_the_largest_in_the_last(unit):
    values = torch.cat([noise(5000), torch.tensor([0.0, 4.0, -4.0, 8.0])]) * unit
    histogram = seen(values)
    assert histogram.limit == pytest.approx(2.0 ** math.frexp(float(values.max()))[1])
    exact = (values.double() / histogram.limit).float()
    assert torch.equal(histogram.counts, torch.histc(exact, BINS, -1, 1).double())


def test_values_too_large_for_twice_the_limit_are_known_and_not_counted():
    histogram = seen(torch.tensor([1.0, 3e38]))
    assert (histogram.counts.sum(), histogram.high) == (1, pytest.approx(3e38))


@pytest.mark.parametrize("method", ["min-max", "percentile", "mse"])
def test_nothing_but_zeros_has_the_range_zero(method):
    assert seen(torch.zeros(5)).range(method) == (0.0, 0.0)
    assert Histogram().range(method) == (0.0, 0.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(value):
    with pytest.raises(NonFinite, match="expected finite activations"):
        seen(torch.tensor([1.0, value]))


def test_scales_of_weights_clip_a_lone_large_one_at_few_bits():
    weight = torch.stack([noise(500), torch.linspace(-1, 1, 500)])
    weight[0, 0] = 6.0
    scales = least_error_scales(weight, 7)
    assert scales[0] < 0.8 * 6 / 7
    assert float(scales[1]) == pytest.approx(1 / 7, rel=0.1)
    assert torch.isfinite(least_error_scales(torch.zeros(2, 3), 127)).all()


def test_what_a_share_of_extremes_holds_as_a_whole_is_not_clipped():
    """A pure colour: one value over a whole picture, beyond what photographs have."""
    photographs, colour = seen(noise(1_000_000)), seen(torch.full((1000,), 8.0))
    assert photographs.range("mse")[1] < 5.5
    assert photographs.mixed(colour, 0.3).range("mse")[1] == pytest.approx(8.0, rel=0.03)
    assert photographs.mixed(colour, 1e-6).range("mse")[1] < 6


@pytest.mark.parametrize("order", [1, -1])
def test_mixing_counts_relative_frequencies_whatever_the_limits(order):
    pair = [seen(noise(1000) * 0.01), seen(noise(50_000) * 3)][::order]
    mixed = pair[0].mixed(pair[1], 0.5)
    assert float(mixed.counts.sum()) == pytest.approx(1.5)
    assert (mixed.low, mixed.high) == (min(h.low for h in pair), max(h.high for h in pair))
    assert mixed.limit == max(h.limit for h in pair)


@pytest.mark.parametrize("reach", [1.5, 4.0, 50.0])
def test_what_a_user_adds_costs_what_is_kept_a_bounded_error(reach):
    kept, added = seen(noise()), seen(noise(seed=1) * reach)
    both = kept.mixed(added, 1.0)
    bound = ADDED_ERROR * kept.error(*kept.range("mse"))
    assert kept.error(*both.range("mse")) > bound
    chosen = both.range("mse", kept=kept)
    assert kept.error(*chosen) <= bound
    assert added.error(*chosen) <= added.error(*kept.range("mse"))


def test_what_a_user_adds_widens_a_range_where_it_costs_little():
    kept, added = seen(noise()), seen(noise(seed=1) * 2)
    chosen = kept.mixed(added, 1.0).range("mse", kept=kept)
    assert added.error(*chosen) < 0.93 * added.error(*kept.range("mse"))


def test_extremes_of_nothing_change_nothing():
    photographs = seen(noise())
    assert photographs.mixed(Histogram(), 0.3).range("mse") == pytest.approx(photographs.range("mse"))


def test_a_coarser_scale_has_few_bits_and_is_hardly_larger():
    scale = noise().abs() + 1e-6
    found = coarser(scale, 7)
    mantissa = torch.frexp(found).mantissa * 2**7
    assert torch.equal(mantissa, mantissa.round())
    assert float((found / scale).min()) >= 1 and float((found / scale).max()) <= 1 + 1 / 64
    assert torch.equal(coarser(found, 7), found)


def test_sums_of_codes_with_coarser_scales_are_the_same_in_any_order():
    """As blended at ×4: sixteen codes, four to a scale, that weigh 49, 7, 7 and 1 of 64."""
    rng = torch.Generator().manual_seed(0)
    scales = coarser(torch.rand((1000, 4, 1), generator=rng) * 0.01 + 0.01, 7)
    codes = torch.randint(-255, 256, (1000, 4, 4), generator=rng)
    values = (codes * scales * torch.tensor([49, 7, 7, 1])[:, None] / 64).flatten(1)
    total = values.double().sum(1)
    for seed in range(5):
        order = torch.randperm(16, generator=torch.Generator().manual_seed(seed))
        assert torch.equal(values[:, order].cumsum(1)[:, -1].double(), total)
