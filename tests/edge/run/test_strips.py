"""Strips, tiles and rows that are read as they are asked for make no difference, whatever their sizes."""

from pathlib import Path

import numpy as np
import pytest
import pyvips
from enlarging import doubled, repeating_artifact, upscaled
from image_files import srgb_profile
from PIL import Image

from edge.images.image_file import read_image, write_picture
from edge.images.picture import Picture
from edge.run.artifact import Artifact
from edge.run.upscale import enlarged, filled, render_picture, upscale

Size = tuple[int, int]


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)


def drawn(seed: int) -> tuple[Size, float, int, int]:
    """A size, a scale, a tile and a halo that an artifact of the tiny network takes."""
    rng = np.random.default_rng(seed)
    size = tuple(int(side) for side in rng.integers(8, 60, 2))
    halo = int(rng.integers(0, 6))
    return size, float(rng.uniform(1, 3.5)), int(rng.integers(2 * halo + 1, 40)), halo


@pytest.mark.parametrize("seed", range(12))
def test_a_tiled_picture_is_the_untiled_one(tiny, seed):
    (height, width), scale, tile, _ = drawn(seed)
    artifact = Artifact.open(tiny.artifact("any", "fp32"))
    reach = artifact.card.tile.full_halo
    lr = noise(3, height, width).astype(np.float32) / 255
    size = (round(scale * height), round(scale * width))
    whole = upscale(artifact, lr, size, tile=64, halo=reach)
    tiled = upscale(artifact, lr, size, tile=tile + 2 * reach, halo=reach)
    assert abs(tiled - whole).max() <= 1e-5


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(4))
def test_strips_of_any_height_make_the_same_samples(tiny, seed, channels):
    size, scale, tile, halo = drawn(seed)
    artifact = Artifact.open(tiny.artifact("any", "fp32"))
    samples = noise(*size, channels)
    if channels in (2, 4):
        samples[:, :, -1] = np.where(samples[:, :, -1] < 128, 0, samples[:, :, -1])
    target_size = (round(scale * size[0]), round(scale * size[1]))
    heights = np.random.default_rng(seed).integers(1, 9, size[0]).cumsum()
    strips = tuple(strip for strip in np.split(samples, heights) if len(strip))
    kind = {"grey": channels < 3, "has_alpha": channels in (2, 4)}
    whole, in_strips = (
        upscaled(artifact, Picture(size, given, **kind), target_size, tile=tile, halo=halo)
        for given in ((samples,), strips)
    )
    assert np.array_equal(whole.samples, in_strips.samples)


@pytest.mark.parametrize("channels", [3, 4])
def test_what_bleeds_and_what_lies_beyond_srgb_does_not_depend_on_tiles(channels, tmp_path):
    samples = noise(90, 70, channels)
    samples[..., 3:] = 0
    samples[40:44, 30:33, 3:] = 255  # the colours around it are filled with its own, ring by ring
    profile = bytes(pyvips.Image.profile_load("p3"))
    Image.fromarray(samples).save(tmp_path / "in.png", icc_profile=profile)
    picture = read_image(tmp_path / "in.png")
    whole, tiled = (upscaled(repeating_artifact(), picture, tile=t, halo=8) for t in (128, 30))
    assert abs(whole.samples.astype(int) - tiled.samples).max() <= 1
    assert np.mean(whole.samples != tiled.samples) < 1e-3


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_a_file_read_and_written_row_by_row_is_that_of_a_held_picture(tmp_path, suffix):
    Image.fromarray(noise(400, 300, 3)).save(
        tmp_path / f"in.{suffix}", dpi=(300, 300), icc_profile=srgb_profile()
    )
    made = []
    for held in (0, 10**6):
        picture = read_image(tmp_path / f"in.{suffix}", held)
        out = tmp_path / f"{held}.{suffix}"
        write_picture(out, doubled(picture))
        made.append(out.read_bytes())
    assert made[0] == made[1]


def test_tiles_are_made_as_their_strips_are_asked_for(tmp_path: Path):
    made = []
    picture = Picture((600, 40), (noise(600, 40, 3),))
    target = enlarged(picture, (1200, 80))

    def counted():
        for tile in render_picture(repeating_artifact(), picture, [target]):
            made.append(tile)
            yield tile

    strips = iter(filled(target, counted()).strips)
    assert len(next(strips)) == 240 and len(made) == 1
    assert 240 + sum(len(strip) for strip in strips) == 1200
