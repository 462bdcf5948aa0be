"""Pictures are degraded as their recipe says: each step does its own, and the same for the same generator."""

import numpy as np
import pytest

from models.errors import DataError
from models.liif.patches import PatchDataset, PatchSpec
from models.training.degradations import Degradation, add_noise, blur, degrade, reduce, save, sharpen

SPEC = PatchSpec(patch=12, drawn_share=1.0)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def picture(height: int = 32, width: int = 48) -> np.ndarray:
    return rng(1).integers(0, 256, (height, width, 3), np.uint8)


def flat(value: int = 100) -> np.ndarray:
    return np.full((32, 48, 3), value, np.uint8)


def edge() -> np.ndarray:
    """Dark on the left, light on the right."""
    made = flat(60)
    made[:, 24:] = 180
    return made


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def test_a_blur_leaves_a_flat_picture_and_takes_detail_from_another():
    assert np.array_equal(blur(flat(), (1.5, 1.5), 0.0), flat())
    assert blur(picture(), (1.5, 1.5), 0.0).std() < 0.5 * picture().std()


def test_a_stretched_blur_works_along_its_angle():
    along, across = (blur(edge(), (3.0, 0.2), angle) for angle in (0.0, np.pi / 2))
    assert difference(along, edge()) > 5
    assert difference(across, edge()) < 1


def test_every_filter_comes_and_each_keeps_a_flat_picture_flat():
    made = {reduce(picture(), (16, 24), rng(seed)).tobytes() for seed in range(80)}
    assert len(made) == 6  # four with antialiasing, two without
    assert all(np.unique(reduce(flat(), (16, 24), rng(seed))).tolist() == [100] for seed in range(20))


def test_no_filter_shifts_a_picture():
    """A ramp's middle stays in the middle: a shift of half an LR pixel would be three steps of it."""
    ramp = np.repeat(np.linspace(0, 240, 48).round().astype(np.uint8)[None, :, None], 32, 0).repeat(3, 2)
    for seed in range(20):
        small = reduce(ramp, (16, 24), rng(seed)).astype(float)
        expected = ramp.astype(float).reshape(16, 2, 24, 2, 3).mean((1, 3))
        assert np.abs(small - expected)[:, 3:-3].max() <= 2


def test_noise_comes_in_colour_and_in_grey_and_keeps_the_mean():
    made = [add_noise(flat(), rng(seed)).astype(float) for seed in range(60)]
    assert all(abs(each.mean() - 100) < 3 for each in made)
    spreads = [each.std() for each in made]
    assert max(spreads) > 5 > min(spreads)
    grey = [np.array_equal(each[..., 0], each[..., 2]) for each in made]
    assert 0 < sum(grey) < len(grey)


def test_sharpening_overshoots_at_an_edge_and_nowhere_else():
    made = sharpen(edge(), 1.0, 120)
    assert made[:, 23].max() < 60 and made[:, 24].min() > 180
    assert np.array_equal(made[:, :12], edge()[:, :12])


@pytest.mark.parametrize("seed", range(6))  # JPEG of both kinds and WebP are among them
def test_a_saved_picture_is_the_nearer_the_higher_its_quality(seed):
    smooth = blur(picture(), (2.0, 2.0), 0.0)
    low, high = (save(smooth, quality, rng(seed)) for quality in (20, 95))
    assert low.shape == high.shape == smooth.shape
    assert difference(high, smooth) < difference(low, smooth)


def test_blocks_begin_anywhere_in_a_patch():
    """Saved again and again, a patch's blocks lie at other places: its results differ."""
    smooth = blur(picture(), (2.0, 2.0), 0.0)
    assert len({save(smooth, 30, rng(seed)).tobytes() for seed in range(20)}) == 20


def test_the_same_generator_degrades_alike_and_another_does_not():
    spec = Degradation(share=1.0)
    one, same, other = (degrade(picture(), (16, 24), spec, rng(seed)) for seed in (3, 3, 4))
    assert one.shape == (16, 24, 3)
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_steps_of_share_zero_leave_the_reduction_alone():
    spec = Degradation(1.0, blurred=0, noisy=0, sharpened=0, saved=0)
    made = {degrade(picture(), (16, 24), spec, rng(seed)).tobytes() for seed in range(80)}
    assert len(made) == 6


def test_a_dataset_degrades_a_share_of_its_samples_and_keeps_what_they_should_become():
    clean = PatchDataset([], SPEC, 0, True)
    none = PatchDataset([], SPEC, 0, True, Degradation(share=0.0, saved=1.0))
    half = PatchDataset([], SPEC, 0, True, Degradation(share=0.5))
    every = PatchDataset([], SPEC, 0, True, Degradation(share=1.0))
    changed = [not clean[i].lr.equal(half[i].lr) for i in range(24)]
    assert all(clean[i].lr.equal(none[i].lr) for i in range(4))
    assert 6 <= sum(changed) <= 18
    one, original = every.draw_pair(rng(5), 2.0)
    _, expected = clean.draw_pair(rng(5), 2.0)
    assert one.shape == (12, 12, 3)
    assert np.array_equal(original, expected)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"share": 1.5}, "share from 0 to 1, found 1.5"),
        ({"again": -0.1}, "again from 0 to 1, found -0.1"),
        ({"lowest": 90, "highest": 40}, "qualities within 1 to 100, found 90 to 40"),
        ({"lowest": 0}, "qualities within 1 to 100, found 0 to 95"),
    ],
)
def test_values_that_cannot_be_are_named(values, named):
    with pytest.raises(DataError, match=named):
        Degradation(**values)
