"""The embedded weights suit how a picture was saved, and whether it was drawn."""

import numpy as np
import pytest
from PIL import Image

from edge.images.image_file import read_image
from edge.images.pictures import photograph, shrink
from edge.run.weights import (
    LOSSY_BELOW,
    Choice,
    at_size,
    choose_weights,
    flat_share,
    is_lossless_webp,
    jpeg_quality,
)
from models import EMBEDDED
from models.drawings import draw_sample, draw_sheet

CAT = Image.fromarray(shrink(photograph("chelsea"), 4))


@pytest.fixture
def saved(tmp_path):
    def save(name: str, *pictures: Image.Image, **options: object):
        path = tmp_path / name
        first, *others = pictures or [CAT]
        first.save(path, **options, **({"save_all": True, "append_images": others} if others else {}))
        return path

    return save


def choice_for(path) -> Choice:
    return choose_weights(path, read_image(path).strips)


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
        ("a.webp", {"lossless": True}, "fast", "a lossless WebP has no loss of its own"),
        ("a.avif", {}, "photo", "an AVIF"),
        ("a.png", {}, "fast", "a PNG has no loss of its own"),
        ("a.bmp", {}, "fast", "a BMP has no loss of its own"),
    ],
)
def test_lossy_files_get_the_weights_that_were_trained_on_them(saved, name, options, weights, reason):
    choice = choice_for(saved(name, **options))
    assert (choice.weights, choice.reason) == (weights, reason)
    assert choice.weights in EMBEDDED


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.bmp", "a.tif"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_drawn_pictures_get_the_weights_for_screens(saved, name, seed):
    drawn = Image.fromarray(draw_sheet(96, 128, seed))
    choice = choice_for(saved(name, drawn, **({"lossless": True} if name == "a.webp" else {})))
    assert choice.weights == "screen" and choice.weights in EMBEDDED
    assert choice.reason.endswith(" % of it flat")


def test_the_weights_for_screens_are_for_twice_the_size_alone():
    screen, photo = Choice("screen", "a PNG, 80 % of it flat"), Choice("photo", "an AVIF")
    assert at_size(screen, (30, 40), (60, 80)) == screen
    for size in ((90, 120), (60, 81), (45, 60)):
        assert at_size(screen, (30, 40), size) == Choice("fast", "a PNG, 80 % of it flat, but not at ×2")
        assert at_size(photo, (30, 40), size) == photo


def test_a_screenshot_that_was_saved_as_jpeg_is_lossy_first(saved):
    assert choice_for(saved("a.jpg", Image.fromarray(draw_sample()), quality=80)).weights == "photo"


def test_pictures_that_are_of_no_file_are_chosen_for_by_their_pixels():
    assert choose_weights(None, (np.asarray(CAT),)) == Choice("fast", "an array has no loss of its own")
    assert choose_weights(None, (draw_sample(),)).weights == "screen"
    assert (
        choose_weights(CAT.copy(), (np.asarray(CAT),)).reason == "a picture in memory has no loss of its own"
    )


def test_the_flat_share_counts_pixels_that_are_like_their_left_neighbour():
    row = np.array([[[1, 2, 3], [1, 2, 3], [1, 2, 4], [1, 2, 4], [1, 2, 4]]], np.uint8)  # 3 of 4
    assert flat_share((row,)) == 0.75
    assert flat_share((row, 255 - row)) == 0.75
    assert flat_share((row[:, :1],)) == 0  # no neighbour


def test_a_large_picture_is_not_looked_at_whole():
    asked = []

    def strips():
        for number in range(1000):
            asked.append(number)
            yield np.zeros((64, 8, 3), np.uint8)

    assert flat_share(strips()) == 1
    assert len(asked) == 64


def test_a_jpeg_is_lossy_up_to_a_quality(saved):
    chosen = [choice_for(saved("a.jpg", quality=LOSSY_BELOW + k)).weights for k in (-2, 2)]
    assert chosen == ["photo", "fast"]


def test_a_webp_with_a_profile_or_frames_is_told_by_its_pixels(saved):
    picture = Image.fromarray(draw_sheet(40, 48, 1))
    other = Image.fromarray(255 - np.asarray(picture))
    for lossless in (True, False):
        with_profile = saved("p.webp", lossless=lossless, icc_profile=b"odd" * 5)
        animated = saved("m.webp", picture, other, lossless=lossless)
        assert is_lossless_webp(with_profile) is lossless
        assert is_lossless_webp(animated) is lossless
