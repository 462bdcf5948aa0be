"""``liif-edge upscale``: the size asked for, of the weights that suit, in the file named."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import (
    Outcome,
    joined,
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
