"""Calibration tiles: the built-in ones, and those of a folder of pictures."""

import numpy as np
import pytest
import torch
from PIL import Image
from quantized import plain, quantised

from edge.compress.calibration import CALIBRATION_TILE, KEPT, calibration_tiles
from edge.errors import BadInput
from models.liif.programs import methods_of


def of_folder(folder, model=None):
    """The tiles that a folder adds to the built-in ones."""
    return calibration_tiles(folder, model)[len(calibration_tiles(None)) :]


def save_picture(path, height: int, width: int, seed: int = 0) -> None:
    rng = np.random.default_rng(seed)
    Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(path)


def test_the_built_in_pictures_give_real_tiles_the_same_every_time():
    tiles = calibration_tiles(None)
    assert {tile.shape for tile in tiles} == {(1, 3, CALIBRATION_TILE, CALIBRATION_TILE)}
    assert all(tile.dtype == np.float32 and tile.min() >= 0 and tile.max() <= 1 for tile in tiles)
    assert sum(float(tile.std()) > 0.05 for tile in tiles) > len(tiles) / 2
    assert all(map(np.array_equal, tiles, calibration_tiles(None)))


def test_a_folder_gives_tiles_of_its_own_pictures(tmp_path):
    for number in range(3):
        Image.new("RGB", (60, 50), (number, 100, 200)).save(tmp_path / f"{number}.png")
    tiles = of_folder(tmp_path)
    assert sorted({round(255 * float(tile[0, 0, 0, 0])) for tile in tiles}) == [0, 1, 2]


def test_a_folder_adds_to_the_built_in_pictures_and_replaces_none(tmp_path):
    save_picture(tmp_path / "a.png", 60, 60)
    found = calibration_tiles(tmp_path, plain())
    built_in = calibration_tiles(None)
    assert len(found) > len(built_in)
    assert all(map(np.array_equal, found, built_in))


def test_of_a_large_folder_pictures_are_taken_from_all_over_it(tmp_path):
    for number in range(130):
        Image.new("RGB", (48, 48), (number, 0, 0)).save(tmp_path / f"{number:03}.png")
    reds = {round(255 * float(tile[0, 0, 0, 0])) for tile in of_folder(tmp_path)}
    assert len(reds) <= 64
    assert min(reds) < 5 and max(reds) > 124


def test_a_model_chooses_the_tiles_of_a_folder_that_reach_farthest(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(40):
        Image.new("RGB", (48, 48), (number, number, number)).save(tmp_path / f"{number:02}.png")
    for number in range(20):
        noise = rng.integers(0, 256, (48, 48, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{number:02}-noise.png")
    tiles = of_folder(tmp_path, plain())
    assert len(tiles) == KEPT
    assert all(float(tile.std()) > 0.1 for tile in tiles)


def test_a_black_folder_calibrates_to_finite_numbers(tmp_path):
    Image.new("RGB", (60, 60)).save(tmp_path / "black.png")
    model = plain()
    (method,) = methods_of(model, 2, 64)
    graph = quantised([method], model, calibration_tiles(tmp_path, model))["forward"]
    with torch.no_grad():
        assert torch.isfinite(graph(*method.example({"h": 9, "w": 7}))).all()


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("none here")
    with pytest.raises(BadInput, match=r"expected pictures .*, found none"):
        calibration_tiles(tmp_path)


def test_pictures_smaller_than_a_tile_are_refused_with_the_size_found(tmp_path):
    save_picture(tmp_path / "a.png", 47, 300)
    with pytest.raises(BadInput, match="at least 48x48 pixels to calibrate on, found sides down to 47"):
        calibration_tiles(tmp_path)


def test_what_is_no_folder_is_refused(tmp_path):
    save_picture(tmp_path / "a.png", 60, 60)
    with pytest.raises(BadInput, match="expected a folder of pictures, found a file"):
        calibration_tiles(tmp_path / "a.png")
    with pytest.raises(BadInput, match="expected a folder of pictures, found nothing there"):
        calibration_tiles(tmp_path / "gone")


def test_a_damaged_picture_among_them_is_refused(tmp_path):
    save_picture(tmp_path / "a.png", 60, 60)
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:200])
    with pytest.raises(BadInput, match=r"b\.png"):
        calibration_tiles(tmp_path)
