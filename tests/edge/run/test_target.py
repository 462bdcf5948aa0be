"""Sizes that a picture is to have: by a factor, to a size, inside a box, to a number of megapixels."""

import pytest

from edge.errors import BadInput
from edge.run.target import ByFactor, Inside, ToMegapixels, ToSize


@pytest.mark.parametrize(
    ("target", "size", "label"),
    [
        (ByFactor(), (80, 100), "2"),
        (ByFactor(1.37), (55, 68), "1.37"),
        (ToSize(77, 101), (101, 77), "77x101"),
        (ToSize(125, None), (100, 125), "125x"),
        (ToSize(None, 100), (100, 125), "x100"),
        (ToSize(77, None), (62, 77), "77x"),  # 61.6
        (Inside(200, 100), (100, 125), "200x100"),
        (Inside(100, 200), (80, 100), "100x200"),
        (Inside(77, 62), (62, 77), "77x62"),  # 77 columns would be 61.6 rows, 62 rows 77.5 columns
        (ToMegapixels(0.02), (126, 158), "0.02MP"),  # 126.49 and 158.1: both rounded down
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_picture_of_50x40_becomes(target, size, label):
    assert target.of((40, 50)) == size
    assert target.label == label


@pytest.mark.parametrize("box", [(1920, 1080), (300, 7000), (501, 502), (77, 62)])
@pytest.mark.parametrize("lr_size", [(40, 50), (3, 7), (37, 11), (20, 20), (1, 50)])
def test_inside_a_box_a_picture_touches_one_side_and_leaves_none(box, lr_size):
    height, width = Inside(*box).of(lr_size)
    assert height <= box[1] and width <= box[0]
    assert height == box[1] or width == box[0]
    # The ratio is kept as well as whole pixels can.
    assert abs(height * lr_size[1] - width * lr_size[0]) <= max(lr_size)


@pytest.mark.parametrize("megapixels", [0.01, 1, 12, 33.3])
def test_megapixels_are_never_exceeded_and_nearly_reached(megapixels):
    height, width = ToMegapixels(megapixels).of((1080, 1921))
    assert (height + 1) * (width + 1) > megapixels * 1e6 >= height * width


@pytest.mark.parametrize("side", ["width", "height"])
def test_a_strip_keeps_a_pixel(side):
    target = ToSize(100, None) if side == "width" else ToSize(None, 100)
    assert 1 in target.of((1, 20_000) if side == "width" else (20_000, 1))


@pytest.mark.parametrize("factor", [0.99, 30.1, float("nan"), float("inf"), -2])
def test_factors_that_cannot_be_are_refused(factor):
    with pytest.raises(BadInput, match="expected a scale from 1 to 30"):
        ByFactor(factor)


@pytest.mark.parametrize("megapixels", [0, -1, float("nan"), float("inf")])
def test_megapixels_that_cannot_be_are_refused(megapixels):
    with pytest.raises(BadInput, match="expected megapixels above 0"):
        ToMegapixels(megapixels)
