"""The self-ensemble averages what the program makes of the picture in its eight positions."""

import numpy as np
import pytest

from edge.run.artifact import Artifact
from edge.run.self_ensemble import POSITIONS, Position, SelfEnsemble
from edge.run.tiling import Rect
from edge.run.upscale import upscale


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).random((3, height, width), np.float32)


@pytest.mark.parametrize(("scale", "size"), [(2, (46, 74)), ("any", (46, 74)), ("any", (31, 50))])
def test_each_tile_is_the_mean_over_the_picture_turned_and_mirrored(tiny, scale, size):
    folder, lr = tiny.artifact(scale, "fp32"), noise(23, 37)
    halo = Artifact.open(folder).card.tile.full_halo
    ensemble = upscale(SelfEnsemble.open(folder), lr, size, tile=16, halo=halo)
    artifact, expected = Artifact.open(folder), np.zeros((3, *size))
    for turns in range(4):
        for mirror in (lambda planes: planes, lambda planes: planes[:, :, ::-1]):
            turned = np.ascontiguousarray(mirror(np.rot90(lr, turns, (1, 2))))
            made = upscale(artifact, turned, size[::-1] if turns % 2 else size, tile=64)
            expected += np.rot90(mirror(made), -turns, (1, 2)) / 8
    assert ensemble.dtype == np.float32
    assert abs(ensemble - expected).max() <= 1e-5
    assert abs(ensemble - upscale(artifact, lr, size)).max() > 1e-3


def test_a_picture_and_its_mirror_image_become_mirror_images(tiny):
    ensemble, lr = SelfEnsemble.open(tiny.artifact(2, "int8")), noise(20, 17)
    mirrored = upscale(ensemble, np.ascontiguousarray(lr[:, :, ::-1]))[:, :, ::-1]
    assert abs(mirrored - upscale(ensemble, lr)).max() <= 1e-6


@pytest.mark.parametrize("position", POSITIONS, ids=str)
def test_a_part_of_a_turned_picture_is_the_turned_part(position):
    picture = noise(5, 8)
    part = Rect(1, 2, 3, 4)
    turned = position.of_rect(part, (5, 8))
    found = position.of(picture)[:, slice(*turned.rows), slice(*turned.columns)]
    assert np.array_equal(found, position.of(picture[:, slice(*part.rows), slice(*part.columns)]))
    assert position.of(picture).shape[1:] == position.of_size((5, 8))
    assert np.array_equal(position.back(position.of(picture)), picture)


def test_the_eight_positions_differ():
    assert len(POSITIONS) == 8 and POSITIONS[0] == Position(0, False)
    assert len({position.of(noise(3, 3)).tobytes() for position in POSITIONS}) == 8
