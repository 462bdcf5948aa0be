"""What effort buys, on a folder of pictures, and how wrong the seams between two networks are."""

import numpy as np
import pytest

from edge.evaluate.routing_sweep import Point, RoutedPicture, Seams, draw_sweep, points_of, seams_of


def test_a_seam_is_wrong_by_the_step_between_the_two_errors():
    chosen = np.zeros((6, 8), bool)
    chosen[:3, :4] = True  # its borders: three pairs of columns, four pairs of rows
    error = np.where(chosen, np.float32(2 / 255), np.float32(5 / 255)) * np.ones((3, 1, 1), np.float32)
    seams = seams_of(chosen, error, np.zeros_like(error))
    assert (seams.pairs, seams.alone) == (7, 0.0)
    assert seams.squared == pytest.approx(7 * 3**2)


def test_there_is_no_seam_in_a_picture_by_one_network():
    noise = np.random.default_rng(0).random((3, 6, 8), np.float32)
    for chosen in (np.zeros((6, 8), bool), np.ones((6, 8), bool)):
        assert seams_of(chosen, noise, noise) == Seams(0, 0.0, 0.0)


def test_points_are_means_over_pictures_and_shares_of_all_their_cells():
    none, some = Seams(0, 0.0, 0.0), Seams(4, 36.0, 16.0)
    pictures = [
        RoutedPicture("a", 0, 30.0, 1.0, 0.5, 10, 0, none),
        RoutedPicture("a", 20, 32.0, 2.0, 0.5, 10, 1, some),
        RoutedPicture("b", 0, 20.0, 1.0, 1.5, 30, 0, none),
        RoutedPicture("b", 20, 24.0, 4.0, 1.5, 30, 9, none),
    ]
    assert points_of(pictures) == [
        Point(0, 25.0, 1000.0, 0.0, None, None),
        Point(20, 28.0, 3000.0, 0.25, 3.0, 2.0),
    ]


def test_the_plot_has_a_number_for_every_effort():
    points = [Point(e, 30 + e / 100, 100.0 + e, e / 100, None, None) for e in (0, 20, 100)]
    drawn = draw_sweep(points, "Set5 & more")
    assert drawn.startswith("<svg") and drawn.endswith("</svg>\n")
    assert "Set5 &amp; more" in drawn
    assert drawn.count("<circle") == 3
    assert all(f">{effort}</text>" in drawn for effort in (0, 20, 100))
    assert draw_sweep(points[:1], "one").count("<circle") == 1
