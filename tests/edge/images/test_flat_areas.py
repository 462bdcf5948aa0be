"""Areas of one colour keep it, without a contour where the network's colours begin."""

import numpy as np
import pytest
from enlarging import upscaled

from edge.embedded import embedded_artifact
from edge.images.flat_areas import FLAT_REACH, keep_flat
from edge.images.picture import picture_of
from edge.recipe import ArtifactSpec
from edge.run.artifact import Artifact
from edge.run.upscale import upscale
from models import EMBEDDED

OFF = np.float32(0.0625)


def moved(rgb: np.ndarray) -> np.ndarray:
    """What ``keep_flat`` leaves of a network's difference OFF at x1."""
    height, width = rgb.shape[1:]
    return (keep_flat(rgb + OFF, rgb, np.arange(height), np.arange(width)) - rgb)[0] / OFF


def test_the_difference_halves_pixel_by_pixel_from_five_to_eight_pixels_away_from_a_step():
    rgb = np.zeros((3, 30, 30), np.float32)
    rgb[:, :, :10] = 0.5
    left_to_right = [1] * 5 + [1] * 5 + [1] * 5 + [1 / 2, 1 / 4, 1 / 8] + [0] * 12
    left_to_right[:5] = [0, 0, 1 / 8, 1 / 4, 1 / 2]
    assert (moved(rgb) == left_to_right).all()
    assert (moved(rgb.transpose(0, 2, 1)) == np.array(left_to_right)[:, None]).all()


def test_every_pixel_of_the_window_counts_and_none_beyond_it():
    for channel in range(3):
        rgb = np.zeros((3, 40, 40), np.float32)
        rgb[channel, 20, 20] = 1 / 65535
        rows, columns = np.mgrid[:40, :40]
        away = np.maximum(abs(rows - 20), abs(columns - 20))
        assert ((moved(rgb) == 0) == (away > FLAT_REACH)).all()


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    folder = embedded_artifact(EMBEDDED["fast"], ArtifactSpec(2, "int8-dynamic"))
    assert folder is not None
    return Artifact.open(folder)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    "colour", [(1, 1, 1), (0, 0, 0), (1, 0, 0), (0, 1, 1), (0.8, 0.4, 0.2), (0.6,), (1, 1, 0, 1)]
)
def test_flat_pictures_come_out_flat(artifact, colour, bits):
    levels = np.rint(np.float32(colour) * (2**bits - 1))
    planes = np.empty((4 if len(colour) == 4 else 3, 24, 20), np.float32)
    planes[:] = (levels / np.float32(2**bits - 1))[:, None, None]
    alpha = planes[3] if len(colour) == 4 else None
    made = upscaled(artifact, picture_of(planes[:3], alpha, grey=len(colour) == 1, bits=bits)).samples
    assert made.shape == (48, 40, len(colour))
    assert (made == levels).all()


@pytest.mark.parametrize("halo", [0, 8])
def test_tiles_hold_the_same_areas_flat_as_the_whole_picture(artifact, halo):
    lr = np.full((4, 50, 60), 0.7, np.float32)
    lr[:3, 20:23, 25:40] = 0.1
    lr[3, 45:, 50:] = 0
    lr[:3, 45:, 50:] = 0
    whole = upscale(artifact, lr, keeps_flat=True)
    tiled = upscale(artifact, lr, tile=24, halo=halo, keeps_flat=True)
    exact = lr.repeat(2, axis=1).repeat(2, axis=2)
    flat = abs(whole[:3] - exact[:3]).max(axis=0) < 1e-6
    assert 0.2 < flat.mean() < 0.9
    assert (abs(tiled[:3] - exact[:3]).max(axis=0)[flat] < 1e-6).all()
    assert np.abs(upscale(artifact, lr)[:3] - exact[:3]).max(axis=0)[flat].max() > 1e-3
