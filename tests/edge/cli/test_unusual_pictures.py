"""``liif-edge upscale``: any picture in, with all that its file says; what is no whole picture is refused."""

from pathlib import Path

import numpy as np
import pytest
from command_line import (
    assert_refused,
    listing,
)
from image_files import png_claiming
from PIL import Image

from models.drawings import draw_sheet


def test_transparency_is_kept_in_png_and_refused_for_jpeg(run, cached, tmp_path):
    image = Image.fromarray(draw_sheet(20, 24, 1)).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((24, 20)))
    image.save(tmp_path / "a.png")
    assert run("upscale", tmp_path / "a.png", tmp_path / "b.png", "--checkpoint", cached).code == 0
    with Image.open(tmp_path / "b.png") as enlarged:
        assert (enlarged.mode, enlarged.size) == ("RGBA", (48, 40))
    before = listing(tmp_path)
    refused = run("upscale", tmp_path / "a.png", tmp_path / "b.jpg", "--checkpoint", cached)
    assert_refused(refused, "expected an opaque picture for JPEG", "--background")
    assert listing(tmp_path) == before


def test_a_background_makes_a_jpeg_of_a_transparent_picture(run, cached, tmp_path):
    Image.new("RGBA", (20, 20), (255, 0, 0, 0)).save(tmp_path / "a.png")
    options = ("--checkpoint", cached, "--background", "#0080ff", "--quality", "90")
    assert run("upscale", tmp_path / "a.png", tmp_path / "b.jpg", *options).code == 0
    with Image.open(tmp_path / "b.jpg") as flat:
        assert (flat.mode, flat.size) == ("RGB", (40, 40))
        assert abs(np.asarray(flat).astype(int) - [0, 128, 255]).max() <= 3


def test_metadata_is_kept_unless_stripped(run, cached, picture, tmp_path):
    exif = Image.Exif()
    exif[271], exif[0x8825] = "ACME", {1: "N", 2: (1.0, 2.0, 3.0)}
    with Image.open(picture) as image:
        image.save(tmp_path / "a.png", exif=exif, dpi=(300, 300))
    for name, options in (("kept.png", ()), ("stripped.png", ("--strip",))):
        outcome = run("upscale", tmp_path / "a.png", tmp_path / name, "--checkpoint", cached, *options)
        assert (outcome.code, outcome.err) == (0, "")
    with Image.open(tmp_path / "kept.png") as kept, Image.open(tmp_path / "stripped.png") as stripped:
        assert kept.getexif()[271] == "ACME" and kept.getexif().get_ifd(0x8825)[1] == "N"
        assert not stripped.getexif()
        assert kept.info["dpi"] == stripped.info["dpi"] == pytest.approx((600, 600), abs=0.01)


def test_a_broken_profile_is_one_line_and_no_failure(run, cached, picture, tmp_path):
    with Image.open(picture) as image:
        image.save(tmp_path / "a.png", icc_profile=b"no profile at all")
    outcome = run("upscale", tmp_path / "a.png", tmp_path / "b.png", "--checkpoint", cached)
    assert outcome.code == 0
    assert outcome.err == (
        f"{tmp_path / 'a.png'}: its colour profile is damaged (it is no ICC profile): "
        f"its colours are taken as sRGB\n"
    )


def sixteen_bit() -> Image.Image:
    return Image.fromarray(np.arange(0, 65_536, 256, dtype=np.uint16).reshape(16, 16))


@pytest.mark.parametrize(
    ("name", "image", "mode"),
    [
        ("cmyk.jpg", Image.new("CMYK", (16, 16), (200, 30, 0, 10)), "RGB"),
        ("cmyk.tiff", Image.new("CMYK", (16, 16), (200, 30, 0, 10)), "RGB"),
        ("palette.png", Image.fromarray(draw_sheet(16, 16, 0)).quantize(9), "RGB"),
        ("one-bit.png", Image.fromarray(draw_sheet(16, 16, 0)).convert("1"), "L"),
        ("grey.png", Image.fromarray(draw_sheet(16, 16, 0)).convert("L"), "L"),
        ("sixteen-bit.png", sixteen_bit(), "I;16"),
        ("one-pixel.png", Image.new("RGB", (1, 1), (9, 200, 40)), "RGB"),
        ("one-row.png", Image.fromarray(draw_sheet(1, 90, 0)), "RGB"),
        ("strip.png", Image.new("RGB", (1, 20_000), (9, 200, 40)), "RGB"),
        ("nothing-to-see.png", Image.new("RGBA", (20, 30), (9, 200, 40, 0)), "RGBA"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_unusual_pictures_are_upscaled(run, cached, tmp_path, name, image, mode):
    image.save(tmp_path / name)
    outcome = run("upscale", tmp_path / name, tmp_path / "out.png", "--checkpoint", cached)
    assert (outcome.code, outcome.err) == (0, "")
    with Image.open(tmp_path / "out.png") as enlarged:
        assert enlarged.mode == mode
        assert enlarged.size == (2 * image.width, 2 * image.height)


@pytest.mark.parametrize("orientation", [0, 9])
def test_an_orientation_that_is_none_is_upright(run, cached, picture, tmp_path, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    Image.open(picture).save(tmp_path / "a.jpg", exif=exif)
    outcome = run("upscale", tmp_path / "a.jpg", tmp_path / "out.png", "--checkpoint", cached)
    assert (outcome.code, outcome.err) == (0, "")
    assert Image.open(tmp_path / "out.png").size == (100, 80)


@pytest.mark.parametrize("missing", [12, 5, 16])
def test_a_png_whose_pixels_are_all_there_is_upscaled_with_a_note(run, cached, picture, tmp_path, missing):
    (tmp_path / "cut.png").write_bytes(picture.read_bytes()[:-missing])
    for name in ("cut", "whole"):
        source = picture if name == "whole" else tmp_path / "cut.png"
        outcome = run("upscale", source, tmp_path / f"{name}-2x.png", "--checkpoint", cached)
        note = f"{source}: its end is cut off, behind its pixels, which are all there\n"
        assert (outcome.code, outcome.err) == (0, note if name == "cut" else "")
    assert (tmp_path / "cut-2x.png").read_bytes() == (tmp_path / "whole-2x.png").read_bytes()


def animated(path: Path) -> None:
    frames = [Image.fromarray(draw_sheet(8, 8, seed)) for seed in range(3)]
    frames[0].save(path, save_all=True, append_images=frames[1:])


def truncated(path: Path) -> None:
    Image.fromarray(draw_sheet(30, 30, 0)).save(path)
    path.write_bytes(path.read_bytes()[:-200])


BAD_PICTURES = {
    "truncated.png": (truncated, "expected a whole picture"),
    "truncated.jpg": (truncated, "expected a whole picture"),
    "no-pixels.png": (lambda path: path.write_bytes(png_claiming(0, 9)), "expected a"),
    "pages.tif": (animated, "expected a single picture, found 3 frames"),
    "bomb.png": (lambda path: path.write_bytes(png_claiming(60_000, 60_000)), "expected a whole picture"),
    "empty.png": (lambda path: path.write_bytes(b""), "found an empty file"),
    "text.png": (lambda path: path.write_text("no picture"), "expected a picture (PNG"),
    "folder.png": (lambda path: path.mkdir(), "expected a folder with pictures"),
    "gone.png": (lambda path: None, "found no file there"),
}


def test_an_animation_is_enlarged_frame_by_frame(run, cached, tmp_path):
    animated(tmp_path / "a.gif")
    assert_refused(
        run("upscale", tmp_path / "a.gif", tmp_path / "b.jpg", "--checkpoint", cached), "for an animation"
    )
    assert run("upscale", tmp_path / "a.gif", tmp_path / "b.webp", "--checkpoint", cached).code == 0
    with Image.open(tmp_path / "b.webp") as image:
        assert (image.n_frames, image.size) == (3, (16, 16))


@pytest.mark.parametrize("name", BAD_PICTURES)
def test_what_is_no_single_whole_picture_is_refused(run, cached, tmp_path, name):
    make, words = BAD_PICTURES[name]
    make(tmp_path / name)
    before = listing(tmp_path)
    outcome = run("upscale", tmp_path / name, tmp_path / "out.png", "--checkpoint", cached)
    assert_refused(outcome, name, words)
    assert listing(tmp_path) == before
