"""One bicubic and one middle, for training and for measuring."""

import numpy as np
import pytest
from PIL import Image

from models.resize import bicubic, middle


@pytest.mark.parametrize("shape", [(11, 14, 3), (11, 14)], ids=["colours", "plane"])
@pytest.mark.parametrize("size", [(5, 7), (22, 28), (13, 9), (1, 1)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_bicubic_is_pillows(shape, size):
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    expected = Image.fromarray(picture).resize((size[1], size[0]), Image.Resampling.BICUBIC)
    assert np.array_equal(bicubic(picture, size), np.asarray(expected))


def test_a_plane_is_resized_as_each_channel_is():
    picture = np.random.default_rng(0).integers(0, 256, (33, 20, 3), dtype=np.uint8)
    channels = [bicubic(picture[..., channel], (11, 47)) for channel in range(3)]
    assert np.array_equal(np.stack(channels, axis=-1), bicubic(picture, (11, 47)))


@pytest.mark.parametrize(
    ("whole", "size", "first"),
    [((8, 6), (4, 2), (2, 2)), ((9, 7), (4, 2), (2, 2)), ((5, 5), (5, 5), (0, 0)), ((3, 9), (2, 1), (0, 4))],
)
def test_the_middle_has_as_much_before_it_as_after_it_but_for_an_odd_pixel(whole, size, first):
    pixels = np.arange(whole[0] * whole[1]).reshape(whole)
    cut = pixels[middle(whole, size)]
    assert cut.shape == size
    assert divmod(int(cut[0, 0]), whole[1]) == first
