"""``liif-edge upscale``: sizes, options and outputs that cannot be are refused, and nothing is lost."""

import resource

import pytest
from command_line import (
    assert_refused,
    joined,
    listing,
)
from PIL import Image


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--background", "mauvish"), "expected a colour like white or #ffffff, found 'mauvish'"),
        (("--background", "#ffffff80"), "expected a colour like white or #ffffff"),
        (("--background", "rgb(300,0,0)"), "expected a colour like white or #ffffff, found 'rgb(300,0,0)'"),
        (("--quality", "0"), "expected a quality from 1 to 100, found '0'"),
        (("--quality", "101"), "expected a quality from 1 to 100"),
        (("--quality", "90"), "found one for PNG, which loses nothing"),
    ],
    ids=joined,
)
def test_backgrounds_and_qualities_that_are_none_are_refused(run, tmp_path, option, words):
    outcome = run("upscale", tmp_path / "gone.png", tmp_path / "out.png", *option)
    assert outcome.code == 2 and words in outcome.err


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
