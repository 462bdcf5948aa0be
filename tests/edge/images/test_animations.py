"""Animations in, enlarged frame by frame, and out, opened again."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from enlarging import doubled
from PIL import Image

from edge.errors import BadImage, BadInput
from edge.images.image_file import check_output, read_image, write_picture
from edge.images.picture import Animation, Picture

DURATIONS = [40, 80, 120]


def frames() -> list[Image.Image]:
    """A square with a hole that moves over clear ground, in a colour that GIF's palettes have exactly."""
    made = []
    for number in range(3):
        samples = np.zeros((10, 16, 4), np.uint8)
        samples[2:7, 4 * number : 4 * number + 5] = (255, 60 * number, 0, 255)
        samples[4, 4 * number + 2] = 0
        made.append(Image.fromarray(samples))
    return made


def saved(path: Path, images: list[Image.Image], **options: object) -> Path:
    first, *others = images
    if path.suffix == ".webp":
        options |= {"lossless": True, "exact": True}
    first.save(path, save_all=True, append_images=others, duration=DURATIONS, **options)
    return path


def opened(path: Path) -> Iterator[tuple[np.ndarray, float]]:
    """What is seen of each frame, its clear pixels black, and for how long."""
    with Image.open(path) as image:
        for number in range(image.n_frames):
            image.seek(number)
            image.load()
            samples = np.asarray(image.convert("RGBA")).copy()
            samples[samples[..., 3] == 0] = 0
            yield samples, image.info["duration"]


@pytest.mark.parametrize("source", ["in.gif", "in.webp", "in.png"])
@pytest.mark.parametrize("target", ["out.gif", "out.webp", "out.png", "out.apng"])
def test_frames_durations_and_transparency_come_through(tmp_path, source, target):
    options = {"disposal": 2} if source == "in.gif" else {}
    picture = read_image(saved(tmp_path / source, frames(), loop=3, **options), animated=True)
    assert picture.animation == Animation((40, 80, 120), loops=3)
    write_picture(tmp_path / target, doubled(picture))
    made = list(opened(tmp_path / target))
    assert [duration for _, duration in made] == DURATIONS
    for (samples, _), frame in zip(made, frames(), strict=True):
        assert np.array_equal(samples, np.asarray(frame).repeat(2, 0).repeat(2, 1))
    with Image.open(tmp_path / target) as image:
        assert image.info["loop"] == 3


def test_frames_that_hold_only_what_changes_are_seen_whole(tmp_path):
    ground = Image.new("RGB", (12, 12), (0, 0, 255))
    changed = ground.copy()
    changed.paste((255, 0, 0), (3, 3, 6, 6))
    saved(tmp_path / "in.gif", [ground, changed, ground])
    picture = read_image(tmp_path / "in.gif", animated=True)
    assert not picture.has_alpha
    seen = np.split(picture.samples, 3)
    assert seen[0].reshape(-1, 3).tolist() == seen[2].reshape(-1, 3).tolist() == [[0, 0, 255]] * 144
    assert np.array_equal(seen[1], np.asarray(changed))


@pytest.mark.parametrize("loops", [0, 1])
@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_how_often_it_is_played_stays(tmp_path, name, loops):
    options = {} if (name, loops) == ("a.gif", 1) else {"loop": loops}
    picture = read_image(saved(tmp_path / name, frames(), **options), animated=True)
    assert picture.animation.loops == loops
    write_picture(tmp_path / f"out-{name}", doubled(picture))
    assert read_image(tmp_path / f"out-{name}", animated=True).animation.loops == loops


def test_the_picture_for_programs_that_know_no_apng_is_no_frame(tmp_path):
    saved(tmp_path / "a.png", [Image.new("RGBA", (16, 10)), *frames()], default_image=True)
    assert read_image(tmp_path / "a.png", animated=True).n_frames == 3


def test_a_palette_has_no_half_clear_pixels(tmp_path):
    strips = tuple(np.full((4, 4, 4), (grey, 9, 9, 130), np.uint8) for grey in (9, 200))
    for strip in strips:
        strip[:, 2:, 3] = 120
    picture = Picture((4, 4), strips, has_alpha=True, animation=Animation((50, 50), 0))
    write_picture(tmp_path / "a.gif", picture)
    for samples, _ in opened(tmp_path / "a.gif"):
        assert samples[0, :, 3].tolist() == [255, 255, 0, 0]


@pytest.mark.parametrize("name", ["a.jpg", "a.tif", "a.avif"])
def test_a_format_without_animations_is_refused_before_the_work(tmp_path, name):
    picture = Picture((4, 4), animation=Animation((50, 50), 0))
    words = r"expected a name ending in \.png, \.webp, \.apng, \.gif for an animation, found one of 2 frames"
    with pytest.raises(BadInput, match=words):
        check_output(tmp_path / name, force=False, picture=picture)


@pytest.mark.parametrize("name", ["a.gif", "a.apng"])
def test_a_single_picture_is_no_animation(tmp_path, name):
    with pytest.raises(BadInput, match=r"expected an animation for .*, found a single picture; write \.png"):
        check_output(tmp_path / name, force=False, picture=Picture((4, 4)))


def test_more_frames_than_memory_holds_are_refused(tmp_path):
    picture = Picture((1000, 1000), animation=Animation((50.0,) * 101, 0))
    with pytest.raises(BadInput, match="at most 100000000 pixels in all frames, found 101000000"):
        check_output(tmp_path / "a.webp", force=False, picture=picture)


def test_pages_of_a_tiff_are_no_animation(tmp_path):
    first, *others = frames()
    first.save(tmp_path / "a.tif", save_all=True, append_images=others)
    with pytest.raises(BadImage, match="a single picture, found 3 frames"):
        read_image(tmp_path / "a.tif", animated=True)
