"""Bytes and floats: every byte survives, the rest is clamped and rounded."""

import numpy as np
import pytest

from edge.errors import BadImage
from edge.images.pixels import to_float, to_uint8


def test_every_byte_survives_the_way_through_floats():
    u8 = np.arange(256, dtype=np.uint8)
    floats = to_float(u8)
    assert floats.dtype == np.float32
    assert np.array_equal(floats, np.array([np.float32(v) / np.float32(255) for v in range(256)]))
    assert np.array_equal(to_uint8(floats), u8)


def test_halves_round_to_the_even_byte():
    halves = ((np.arange(255) + 0.5) / 255).astype(np.float32)
    exact = halves[halves * np.float32(255) == np.arange(255, dtype=np.float32) + np.float32(0.5)]
    rounded = to_uint8(exact)
    assert len(exact) > 100
    assert (rounded % 2 == 0).all()
    down = rounded < exact * np.float32(255)
    assert down.any() and not down.all()


def test_values_outside_the_range_clamp():
    values = np.array([-np.inf, -3, -1e-9, 1.0001, 7, np.inf], np.float32)
    assert to_uint8(values).tolist() == [0, 0, 0, 255, 255, 255]


def test_nan_is_refused_and_counted():
    with pytest.raises(BadImage, match="NaN in 2 of 4"):
        to_uint8(np.array([0.5, np.nan, np.nan, 1], np.float32))
