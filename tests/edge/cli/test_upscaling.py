"""``liif-edge upscale``: any picture in, the size asked for out, nothing lost if it cannot be."""

import os
import resource
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import (
    Outcome,
    assert_refused,
    joined,
    listing,
)
from PIL import Image
from platformdirs import user_cache_path

from edge.images.image_file import read_image
from edge.images.pixels import to_uint8
from edge.recipe import ArtifactSpec
from edge.run.artifact import Artifact
from edge.run.upscale import upscale
from edge.run.weights import flat_share
from edge.upscaler import Upscaler
from models import EMBEDDED, LIIF, LIIFConfig, checkpoint_hash, save_checkpoint
from models.drawings import draw_sheet


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_upscale_doubles_a_picture_with_the_cached_artifact(run, cached, tiny, picture, tmp_path, precision):
    options = [] if precision == "int8" else ["--precision", "fp32"]
    outcome = run("upscale", picture, tmp_path / "out.png", "--checkpoint", cached, *options)
    name = f"liif-x2-{precision}-xnnpack"
    expected_line = f"{tmp_path / 'out.png'}: 100x80 from 50x40, by {name}\n"
    assert outcome == Outcome(0, expected_line, "")
    sr = upscale(Artifact.open(tiny.artifact(2, precision)), read_image(picture).rgb)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out.png")), to_uint8(sr).transpose(1, 2, 0))
    assert sorted(os.listdir(tmp_path)) == ["in", "out.png"]


@pytest.mark.parametrize(
    ("options", "size"),
    [
        (["--scale", "1.37"], (68, 55)),
        (["--scale", "1"], (50, 40)),
        (["--size", "77x101"], (77, 101)),
        (["--size", "75x"], (75, 60)),
        (["--size", "x60"], (75, 60)),
        (["--fit", "300x60"], (75, 60)),
        (["--fit", "100x90"], (100, 80)),
        (["--megapixels", "0.0045"], (75, 60)),
        (["--size", "100x80"], (100, 80)),
        (["--scale", "2", "--tile", "20", "--halo", "6"], (100, 80)),
        (["--scale", "1.37", "--precision", "fp32"], (68, 55)),
    ],
    ids=joined,
)
def test_upscale_makes_the_size_asked_for(run, cached, picture, tmp_path, options, size):
    outcome = run("upscale", picture, tmp_path / "out.png", "--checkpoint", cached, *options)
    assert outcome.code == 0, outcome
    by = "x2" if size == (100, 80) else "any"
    assert f"{size[0]}x{size[1]} from 50x40, by liif-{by}-" in outcome.out
    assert Image.open(tmp_path / "out.png").size == size


@pytest.mark.parametrize(("name", "kind"), [("a.jpg", "JPEG"), ("a.WebP", "WEBP"), ("a.jpeg", "JPEG")])
def test_upscale_writes_what_the_extension_says(run, cached, picture, tmp_path, name, kind):
    assert run("upscale", picture, tmp_path / name, "--checkpoint", cached).code == 0
    with Image.open(tmp_path / name) as image:
        assert (image.format, image.size) == (kind, (100, 80))


def test_upscale_takes_an_artifact_by_its_folder(run, tiny, picture, tmp_path):
    for spec in ((2, "fp32"), (2, "fp16", "coreml"), ("any", "fp32")):
        name = f"{spec[0]}-{spec[1]}.png"
        outcome = run("upscale", picture, tmp_path / name, "--artifact", tiny.artifact(*spec))
        assert outcome.code == 0, outcome
    pictures = [np.asarray(Image.open(path)).astype(int) for path in sorted(tmp_path.glob("*.png"))]
    assert len(pictures) == 3
    assert max(abs(a - pictures[0]).max() for a in pictures) <= 1


def test_upscale_replaces_its_own_input_if_forced(run, cached, picture):
    assert run("upscale", picture, picture, "--checkpoint", cached, "--force").code == 0
    assert Image.open(picture).size == (100, 80)
    assert os.listdir(picture.parent) == ["picture.png"]


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


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--background", "mauvish"), "expected a colour like white or #ffffff, found 'mauvish'"),
        (("--background", "#ffffff80"), "expected a colour like white or #ffffff"),
        (("--quality", "0"), "expected a quality from 1 to 100, found '0'"),
        (("--quality", "101"), "expected a quality from 1 to 100"),
        (("--quality", "90"), "found one for PNG, which loses nothing"),
    ],
    ids=joined,
)
def test_backgrounds_and_qualities_that_are_none_are_refused(run, tmp_path, option, words):
    outcome = run("upscale", tmp_path / "gone.png", tmp_path / "out.png", *option)
    assert outcome.code == 2 and words in outcome.err


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


def png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


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


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--scale", "0"), "expected a scale from 1 to 30, found 0"),
        (("--scale", "-1"), "expected a scale from 1 to 30, found -1"),
        (("--scale", "nan"), "expected a scale from 1 to 30, found nan"),
        (("--scale", "inf"), "expected a scale from 1 to 30, found inf"),
        (("--scale", "100"), "expected a scale from 1 to 30, found 100"),
        (("--scale", "0.5"), "expected a scale from 1 to 30, found 0.5"),
        (("--size", "0x0"), "the picture's 50x40, found 0x0"),
        (("--size", "49x40"), "the picture's 50x40, found 49x40"),
        (("--size", "99999x40"), "the picture's 50x40, found 99999x40"),
        (("--size", "x39"), "the picture's 50x40, found 49x39"),
        (("--fit", "40x40"), "the picture's 50x40, found 40x32"),
        (("--megapixels", "0.001"), "the picture's 50x40, found 35x28"),
        (("--megapixels", "nan"), "expected megapixels above 0, found nan"),
        (("--tile", "0"), "expected sizes of at least 1"),
        (("--tile", "8"), "expected a tile larger than two halos of 4, found 8"),
        (("--tile", "999", "--halo", "999"), None),
    ],
    ids=joined,
)
def test_sizes_that_cannot_be_are_refused(run, cached, picture, tmp_path, option, words):
    before = listing(tmp_path)
    outcome = run("upscale", picture, tmp_path / "out.png", "--checkpoint", cached, *option)
    if words is None:  # larger than the picture: one tile does
        assert outcome.code == 0
        return
    assert_refused(outcome, words)
    assert listing(tmp_path) == before


@pytest.mark.parametrize(
    "option",
    [
        ("--scale", "two"),
        ("--size", "100"),
        ("--size", "x"),
        ("--fit", "100x"),
        ("--fit", "100x80", "--megapixels", "1"),
        ("--size", "-5x9"),
        ("--size", "²x9"),
        ("--tile", "-1"),
        ("--tile", "1.5"),
        ("--scale", "2", "--size", "100x80"),
        ("--precision", "int4"),
        ("--colour", "red"),
    ],
    ids=joined,
)
def test_options_that_are_no_such_thing_are_argparses_errors(run, cached, picture, tmp_path, option):
    outcome = run("upscale", picture, tmp_path / "out.png", "--checkpoint", cached, *option)
    assert outcome.code == 2
    assert outcome.out == ""
    assert "error: " in outcome.err.splitlines()[-1]
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "out.png").exists()


def test_an_output_that_exists_is_kept_unless_forced(run, cached, picture, tmp_path):
    (tmp_path / "out.png").write_bytes(b"mine")
    arguments = ("upscale", picture, tmp_path / "out.png", "--checkpoint", cached)
    assert_refused(run(*arguments), "expected a free path, found a file; --force replaces it")
    assert (tmp_path / "out.png").read_bytes() == b"mine"
    assert run(*arguments, "--force").code == 0
    assert Image.open(tmp_path / "out.png").size == (100, 80)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("folder.png", "expected a file to write, found a folder"),
        (
            "out.bmp",
            "expected a name ending in .png, .jpg, .jpeg, .webp, .tif, .tiff, .avif, .apng, .gif, found .bmp",
        ),
        ("out", "found no extension"),
        ("gone/out.png", "found nothing there"),
    ],
)
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_outputs_that_cannot_be_are_refused_before_the_picture_is_read(run, tmp_path, name, words, force):
    (tmp_path / "folder.png").mkdir()
    before = listing(tmp_path)
    assert_refused(run("upscale", tmp_path / "gone.png", tmp_path / name, *force), words)
    assert listing(tmp_path) == before


def test_a_full_disk_leaves_nothing_half_written(run, cached, picture, tmp_path):
    before, limit = listing(tmp_path), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limit[1]))
    try:
        outcome = run("upscale", picture, tmp_path / "out.png", "--checkpoint", cached)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert_refused(outcome, "expected to write the picture")
    assert listing(tmp_path) == before


def test_first_use_builds_the_artifact_and_says_so_and_the_second_does_not(run, picture, tmp_path):
    torch.manual_seed(3)
    config = LIIFConfig(n_feats=4, block_widths=(), hidden_widths=(8,), local_ensemble=False)
    model = LIIF(config)
    save_checkpoint(model, tmp_path / "own.safetensors")
    options = ("--checkpoint", tmp_path / "own.safetensors", "--precision", "fp32")
    first = run("upscale", picture, tmp_path / "first.png", *options)
    folder = user_cache_path("liif-edge") / checkpoint_hash(model)[:16]
    assert first.code == 0, first
    assert first.err == f"first use: building liif-x2-fp32-xnnpack into {folder}; this takes a minute\n"
    assert sorted(os.listdir(folder)) == [".liif-x2-fp32-xnnpack.lock", "liif-x2-fp32-xnnpack"]
    built = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    second = run("upscale", picture, tmp_path / "second.png", *options)
    assert (second.code, second.err) == (0, "")
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == built
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_upscale_takes_the_weights_that_suit_the_file_and_says_why(run, tiny, picture, tmp_path, monkeypatch):
    asked = []

    def embedded(checkpoint: Path, _: ArtifactSpec) -> Path:
        asked.append(checkpoint)
        return tiny.artifact(2, "int8")

    monkeypatch.setattr("edge.cache.embedded_artifact", embedded)
    Image.open(picture).save(tmp_path / "a.jpg", quality=60)
    given = [(tmp_path / "a.jpg",), (picture,), (tmp_path / "a.jpg", "--weights", "baseline")]
    outcomes = [run("upscale", source, tmp_path / "out.png", "--force", *more) for source, *more in given]
    lines = [outcome.out.partition("by liif-x2-int8-xnnpack")[2] for outcome in outcomes]
    share = flat_share(read_image(picture).strips)
    assert lines == [
        " of photo (a JPEG of quality 60)\n",
        f" of screen (a PNG, {100 * share:.0f} % of it flat)\n",
        " of baseline\n",
    ]
    assert asked == [EMBEDDED["photo"], EMBEDDED["screen"], EMBEDDED["baseline"]]


def test_a_python_program_makes_the_same_bytes(run, cached, picture, tmp_path):
    outcome = run("upscale", picture, tmp_path / "out.png", "--checkpoint", cached, "--ensemble")
    assert outcome.code == 0, outcome
    enlarged = Upscaler(cached, ensemble=True).upscale(Image.open(picture))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out.png")), np.asarray(enlarged))
    assert not np.array_equal(np.asarray(enlarged), np.asarray(Upscaler(cached).upscale(Image.open(picture))))


def test_whole_factors_whose_programs_are_not_in_the_package_need_no_build(run, picture, tmp_path):
    outcome = run("upscale", picture, tmp_path / "out.png", "--scale", "3", "--weights", "fast")
    line = f"{tmp_path / 'out.png'}: 150x120 from 50x40, by liif-any-int8-dynamic-xnnpack of fast\n"
    assert outcome == Outcome(0, line, "")


def test_weights_and_a_checkpoint_are_one_too_many(run, cached, picture, tmp_path):
    outcome = run("upscale", picture, tmp_path / "out.png", "--weights", "fast", "--checkpoint", cached)
    assert outcome.code == 2
    assert "not allowed with argument --weights" in outcome.err
