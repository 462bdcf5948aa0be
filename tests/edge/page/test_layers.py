"""Maps show what they say they show."""

import numpy as np
import pytest
from PIL import Image

from edge.errors import BadInput
from edge.images.pixels import bytes_of, to_float
from edge.page.enlargement import measure
from edge.page.layers import (
    PEAKS,
    Enlargement,
    Square,
    bicubic_region,
    compare_with_fp32,
    draw,
)
from edge.run.tiling import Rect
from models.drawings import draw_sheet

BYTES = draw_sheet(90, 120, 8)
SIZE = (270, 360)
WHOLE = Rect(0, 0, *SIZE)
BICUBIC = np.asarray(Image.fromarray(BYTES).resize((360, 270), Image.Resampling.BICUBIC))


def enlargement(planes: np.ndarray, fp32: np.ndarray | None = None, error: np.ndarray | None = None):
    def region_of_fp32(region: Rect) -> np.ndarray:
        return fp32[:, slice(*region.rows), slice(*region.columns)]

    return Enlargement(planes, BYTES, error, None, region_of_fp32)


def of_bicubic() -> np.ndarray:
    return to_float(np.ascontiguousarray(BICUBIC.transpose(2, 0, 1)))


@pytest.mark.parametrize("region", [WHOLE, Rect(0, 256, 256, 104), Rect(17, 33, 100, 11)])
def test_a_region_of_bicubic_is_pillows(region):
    found = bicubic_region(BYTES, SIZE, region)
    difference = abs(found.astype(int) - BICUBIC[slice(*region.rows), slice(*region.columns)])
    assert difference.max() <= 1  # of 255: where the region begins is rounded


def test_nothing_is_added_to_bicubic_itself():
    added = draw("added", enlargement(of_bicubic()), WHOLE, 0)
    assert set(np.unique(added)) <= {127, 128}


def test_what_is_added_is_bright_and_what_is_taken_is_dark():
    grey = np.full((60, 80, 3), 128, np.uint8)
    planes = np.full((3, 120, 160), 128 / 255, np.float32)
    planes[:, 10, 20] += np.float32(PEAKS["added"] / 255)
    planes[0, 50, 60] -= np.float32(PEAKS["added"] / 2 / 255)
    added = draw(
        "added", Enlargement(planes, grey, None, None, lambda region: planes), Rect(0, 0, 120, 160), 0
    )
    assert (tuple(added[10, 20]), tuple(added[50, 60])) == ((255, 255, 255), (64, 128, 128))
    added[10, 20] = added[50, 60] = 128
    assert (added == 128).all()


def test_where_int8_is_fp32_the_map_is_black_and_at_its_peak_it_is_brightest():
    fp32 = of_bicubic() * np.float32(0.5)
    planes = fp32.copy()
    planes[1, 30, 40] += np.float32(PEAKS["quantisation"] / 255)
    heat = draw("quantisation", enlargement(planes, fp32), WHOLE, 0)
    assert tuple(heat[30, 40]) == (255, 245, 130)
    heat[30, 40] = 0
    assert not heat.any()


def test_numbers_against_fp32_are_of_the_region():
    fp32 = of_bicubic() * np.float32(0.5)
    planes = fp32.copy()
    planes[1, 30, 40] += np.float32(5 / 255)
    found = compare_with_fp32(enlargement(planes, fp32), Rect(30, 40, 10, 10))
    assert found["largest"] == pytest.approx(5, abs=1e-3)
    assert found["mean"] == pytest.approx(5 / 300, abs=1e-4)
    elsewhere = compare_with_fp32(enlargement(planes, fp32), Rect(100, 100, 10, 10))
    assert (elsewhere["psnr_db"], elsewhere["largest"]) == (np.inf, 0)


def test_consistency_marks_the_source_pixel_that_changed():
    lr = to_float(np.ascontiguousarray(BYTES.transpose(2, 0, 1)))
    sr = lr.repeat(3, axis=1).repeat(3, axis=2)
    even, _ = measure(sr, lr)
    sr[:, 3 * 40 : 3 * 43, 3 * 50 : 3 * 53] = 1 - sr[:, 3 * 40 : 3 * 43, 3 * 50 : 3 * 53]
    error, numbers = measure(sr, lr)
    assert (error - even).argmax() // 120 in (40, 41, 42)
    assert numbers.consistency_largest == pytest.approx(255 * error.max())
    heat = draw("consistency", enlargement(sr, error=error), WHOLE, 0)
    row, column = np.unravel_index(error.argmax(), error.shape)
    block = heat[3 * row : 3 * row + 3, 3 * column : 3 * column + 3]
    assert (block == block[0, 0]).all() and block[0, 0, 0] > 200


def test_cells_of_the_bigger_network_are_orange_and_others_dark():
    chosen = np.zeros((90, 120), np.bool_)
    chosen[30:60, 40:80] = True
    of = Enlargement(np.ones((3, *SIZE), np.float32), BYTES, None, chosen, lambda region: np.empty(0))
    drawn = draw("routing", of, WHOLE, 0)
    orange = (drawn == (249, 197, 142)).all(axis=2)
    np.testing.assert_array_equal(orange, chosen.repeat(3, axis=0).repeat(3, axis=1))
    assert (drawn[~orange] == 127).all()


@pytest.mark.parametrize("layer", ["consistency", "routing"])
def test_what_is_not_there_yet_is_refused(layer):
    with pytest.raises(BadInput, match="expected a whole enlargement"):
        draw(layer, enlargement(of_bicubic()), WHOLE, 0)


def test_clear_pixels_count_for_nothing():
    lr = np.concatenate(
        [to_float(np.ascontiguousarray(BYTES.transpose(2, 0, 1))), np.zeros((1, 90, 120), np.float32)]
    )
    sr = np.zeros((4, *SIZE), np.float32)
    error, numbers = measure(sr, lr)
    assert (error.max(), numbers.added_largest, numbers.consistency_psnr_db) == (0, 0, np.inf)


@pytest.mark.parametrize("layer", ["enlarged", "bicubic", "added", "consistency"])
@pytest.mark.parametrize("level", [0, 1, 3])
def test_layers_lie_over_each_other(layer, level):
    of = enlargement(of_bicubic(), error=np.zeros((90, 120), np.float32))
    square = Square(level, 0, 0)
    region = square.region(of.size)
    side = 256 << level
    expected = (-(-min(side, 270) // 2**level), -(-min(side, 360) // 2**level))
    assert draw(layer, of, region, level).shape[:2] == expected


def test_squares_outside_are_none():
    assert Square(0, 2, 0).region(SIZE) is None
    assert Square(0, 1, 1).region(SIZE) == Rect(256, 256, 14, 104)
    assert bytes_of(of_bicubic()).shape == (270, 360, 3)
