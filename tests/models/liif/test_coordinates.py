from fractions import Fraction

import numpy as np
import pytest

from models.liif.coordinates import axis_neighbours

AXES = [(1, 1), (1, 5), (5, 1), (4, 8), (7, 21), (7, 28), (9, 13), (13, 9), (6, 6), (31, 97), (97, 31)]


def exact_position(j: int, n_in: int, n_out: int) -> Fraction:
    """The paper's coordinates in rational numbers: [-1, 1] spans the picture, pixels are cells of it."""
    centre = -1 + Fraction(2 * j + 1, n_out)
    return (centre + 1) * n_in / 2 - Fraction(1, 2)


@pytest.mark.parametrize(("n_in", "n_out"), AXES)
def test_the_two_neighbours_are_the_pixels_on_either_side(n_in, n_out):
    axis = axis_neighbours(n_in, n_out)
    for j in range(n_out):
        p = exact_position(j, n_in, n_out)
        left = p.numerator // p.denominator
        assert axis.index[:, j].tolist() == [min(max(i, 0), n_in - 1) for i in (left, left + 1)]
        assert axis.weight[:, j].tolist() == pytest.approx([float(1 - (p - left)), float(p - left)])


@pytest.mark.parametrize("local_ensemble", [True, False])
@pytest.mark.parametrize(("n_in", "n_out"), AXES)
def test_relative_coordinates_are_half_pixels_from_the_neighbour(n_in, n_out, local_ensemble):
    axis = axis_neighbours(n_in, n_out, local_ensemble)
    for j in range(n_out):
        for index, relative in zip(axis.index[:, j], axis.relative[:, j], strict=True):
            assert relative == np.float32(float(2 * (exact_position(j, n_in, n_out) - int(index))))


@pytest.mark.parametrize("local_ensemble", [True, False])
@pytest.mark.parametrize(("n_in", "n_out"), AXES)
def test_arrays_have_the_stated_shapes_and_types_and_weights_sum_to_one(n_in, n_out, local_ensemble):
    axis = axis_neighbours(n_in, n_out, local_ensemble)
    k = 2 if local_ensemble else 1
    assert axis.index.shape == axis.relative.shape == axis.weight.shape == (k, n_out)
    assert (axis.index.dtype, axis.relative.dtype, axis.weight.dtype) == (np.int64, np.float32, np.float32)
    assert axis.index.min() >= 0 and axis.index.max() < n_in
    assert axis.weight.min() >= 0
    assert np.allclose(axis.weight.sum(axis=0), 1, atol=1e-6)


def test_doubling_weighs_a_quarter_and_three_quarters():
    axis = axis_neighbours(3, 6)
    assert axis.index.T.tolist() == [[0, 0], [0, 1], [0, 1], [1, 2], [1, 2], [2, 2]]
    assert axis.weight[1].tolist() == [0.75, 0.25, 0.75, 0.25, 0.75, 0.25]
    assert axis.relative[0].tolist() == [-0.5, 0.5, 1.5, 0.5, 1.5, 0.5]


@pytest.mark.parametrize(("n_in", "n_out"), AXES)
def test_without_ensemble_the_neighbour_is_the_nearest(n_in, n_out):
    axis = axis_neighbours(n_in, n_out, local_ensemble=False)
    for j in range(n_out):
        p = exact_position(j, n_in, n_out)
        assert abs(p - int(axis.index[0, j])) <= Fraction(1, 2)


def test_without_ensemble_a_tie_goes_to_the_even_pixel():
    # Halving: every output centre lies exactly between two pixels, 0|1, 2|3, 4|5, 6|7.
    assert axis_neighbours(8, 4, local_ensemble=False).index.tolist() == [[0, 2, 4, 6]]
    # ×1.5 of 4: positions -1/6, 1/2, 7/6, 11/6, 5/2, 19/6.
    assert axis_neighbours(4, 6, local_ensemble=False).index.tolist() == [[0, 0, 1, 2, 2, 3]]


def test_where_a_picture_is_extended_the_border_has_its_neighbours_there():
    alone, extended = axis_neighbours(2, 3), axis_neighbours(2, 3, pixels=(-1, 3))
    assert alone.index.T.tolist() == [[0, 0], [0, 1], [1, 1]]
    assert extended.index.T.tolist() == [[-1, 0], [0, 1], [1, 2]]
    assert np.array_equal(extended.weight, alone.weight)
    assert extended.relative[0, 0] == np.float32(5 / 3)  # from -1/6 to -1, in half pixels


def test_the_same_size_reads_every_pixel_as_it_is():
    axis = axis_neighbours(5, 5)
    assert axis.index[0].tolist() == [0, 1, 2, 3, 4]
    assert axis.weight[0].tolist() == [1] * 5
    assert axis.relative[0].tolist() == [0] * 5


def test_long_axes_stay_exact():
    axis = axis_neighbours(30_000, 120_000)
    j = 119_997
    p = exact_position(j, 30_000, 120_000)
    assert axis.index[0, j] == p.numerator // p.denominator
    assert axis.relative[0, j] == float(2 * (p - int(axis.index[0, j])))
