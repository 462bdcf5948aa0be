"""The embedded weights suit how a picture was saved."""

import numpy as np
import pytest
from PIL import Image

from edge.run.weights import LOSSY_BELOW, choose_weights, is_lossless_webp, jpeg_quality
from models import EMBEDDED
from models.drawings import draw_sheet


@pytest.fixture
def saved(tmp_path):
    def save(name: str, *pictures: Image.Image, **options: object):
        path = tmp_path / name
        first, *others = pictures or [Image.fromarray(draw_sheet(40, 48, 1))]
        first.save(path, **options, **({"save_all": True, "append_images": others} if others else {}))
        return path

    return save


@pytest.mark.parametrize("quality", [20, 30, 50, 75, 90, 95, 100])
def test_the_quality_of_a_jpeg_is_the_one_that_it_was_saved_with(saved, quality):
    with Image.open(saved("a.jpg", quality=quality)) as image:
        assert jpeg_quality(image.quantization) == pytest.approx(quality, abs=1)


@pytest.mark.parametrize(
    ("name", "options", "weights", "reason"),
    [
        ("a.jpg", {"quality": 75}, "photo", "a JPEG of quality 75"),
        ("a.jpg", {"quality": 100}, "fast", "a JPEG of quality 100"),
        ("a.webp", {"quality": 80}, "photo", "a lossy WebP"),
        ("a.webp", {"lossless": True}, "fast", "a lossless WebP"),
        ("a.avif", {}, "photo", "an AVIF"),
        ("a.png", {}, "fast", "a PNG has no loss of its own"),
        ("a.bmp", {}, "fast", "a BMP has no loss of its own"),
    ],
)
def test_lossy_files_get_the_weights_that_were_trained_on_them(saved, name, options, weights, reason):
    choice = choose_weights(saved(name, **options))
    assert (choice.weights, choice.reason) == (weights, reason)
    assert choice.weights in EMBEDDED


def test_a_jpeg_is_lossy_up_to_a_quality(saved):
    chosen = [choose_weights(saved("a.jpg", quality=LOSSY_BELOW + k)).weights for k in (-2, 2)]
    assert chosen == ["photo", "fast"]


def test_a_webp_with_a_profile_or_frames_is_told_by_its_pixels(saved):
    picture = Image.fromarray(draw_sheet(40, 48, 1))
    other = Image.fromarray(255 - np.asarray(picture))
    for lossless in (True, False):
        with_profile = saved("p.webp", lossless=lossless, icc_profile=b"odd" * 5)
        animated = saved("m.webp", picture, other, lossless=lossless)
        assert is_lossless_webp(with_profile) is lossless
        assert is_lossless_webp(animated) is lossless
