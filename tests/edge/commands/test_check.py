"""``liif-edge`` baseline and check: fp32 once, then artifacts against it."""

import os
import shutil
from pathlib import Path

import pytest
from command_line import (
    Outcome,
    assert_refused,
    changed,
    joined,
)

from edge.baseline import read_bundle
from edge.card import hash_program
from edge.cli import main
from models import checkpoint_hash


@pytest.fixture(scope="module")
def bundle(tiny, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("baseline") / "tiny.npz"
    assert main(["baseline", str(path), "--checkpoint", str(tiny.checkpoint), "--tile", "24"]) == 0
    return path


def test_baseline_writes_a_bundle_and_says_where_it_was_made(run, tiny, tmp_path):
    path = tmp_path / "a.npz"
    arguments = ("baseline", path, "--checkpoint", tiny.checkpoint, "--tile", "16", "--scale", "1.5")
    outcome = run(*arguments)
    device = read_bundle(path).provenance.device
    assert outcome == Outcome(0, f"{path}: 4 tiles at ×1.5, made on {device}\n", "")
    first = path.read_bytes()
    assert_refused(run(*arguments), "--force replaces it")
    assert run(*arguments, "--force").code == 0
    assert path.read_bytes() == first
    assert os.listdir(tmp_path) == ["a.npz"]


def test_baseline_takes_pictures_of_a_folder_without_telling_their_names(run, tiny, picture, tmp_path):
    path = tmp_path / "a.npz"
    options = ("--checkpoint", tiny.checkpoint, "--images", picture.parent, "--tile", "20")
    assert run("baseline", path, *options).code == 0
    assert [tile.name for tile in read_bundle(path).tiles] == ["picture 1 (0, 0)", "picture 1 (10, 15)"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--scale", "0"), "expected a scale from 1 to 30"),
        (("--scale", "nan"), "expected a scale from 1 to 30"),
        (("--tile", "10"), "expected tiles of at least 11 pixels"),
        (("--images", "gone"), "expected a folder of pictures"),
    ],
    ids=joined,
)
def test_baseline_refuses_what_cannot_be_made(run, tiny, tmp_path, options, words):
    assert_refused(run("baseline", tmp_path / "a.npz", "--checkpoint", tiny.checkpoint, *options), words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.zip", "folder.npz", "gone/a.npz"])
def test_baseline_refuses_outputs_that_cannot_be(run, tiny, tmp_path, name):
    (tmp_path / "folder.npz").mkdir()
    assert_refused(run("baseline", tmp_path / name, "--checkpoint", tiny.checkpoint), "expected")
    assert os.listdir(tmp_path) == ["folder.npz"]


@pytest.mark.parametrize("spec", [(2, "fp32"), (2, "int8"), ("any", "fp32")], ids=joined)
def test_check_passes_against_a_bundle(run, tiny, bundle, spec):
    outcome = run("check", tiny.artifact(*spec), "--baseline", bundle)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.endswith("passed\n")
    for text in ("PSNR (dB)", "SSIM", "largest difference", "drawn screen (0, 0)", "threshold", "all"):
        assert text in outcome.out


@pytest.mark.parametrize("spec", [(2, "int8"), ("any", "int8"), (2, "fp16", "coreml")], ids=joined)
def test_check_makes_a_baseline_of_the_checkpoint_if_none_is_given(run, tiny, spec):
    outcome = run("check", tiny.artifact(*spec), "--checkpoint", tiny.checkpoint, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    report = outcome.json
    assert report["passed"] is True
    assert report["failures"] == []
    assert report["artifact"] == tiny.artifact(*spec).name
    assert report["baseline"]["checkpoint_sha256"] == checkpoint_hash(tiny.model)
    assert len(report["tiles"]) == 4
    assert {"psnr_db", "ssim", "max_abs"} <= report["all"].keys()
    assert report["all"]["psnr_db"] >= report["threshold"]["psnr_db"]


def disguised(tiny, tmp_path: Path) -> Path:
    """The int8 program in an artifact that says it is fp32, hash and all."""
    program = tiny.artifact(2, "int8") / "model.pte"
    programs = {"model.pte": hash_program(program).model_dump()}
    folder = changed(tiny.artifact(2, "fp32"), tmp_path, programs=programs)
    shutil.copy(program, folder)
    return folder


def test_a_check_that_fails_ends_with_1_and_says_what_failed(run, tiny, bundle, tmp_path):
    folder = disguised(tiny, tmp_path)
    outcome = run("check", folder, "--baseline", bundle)
    assert (outcome.code, outcome.err) == (1, "")
    assert outcome.out.endswith("FAILED at stage tile (a blended tile, halo in full)\n")
    assert "failed: drawn screen (0, 0): expected a PSNR of 100 dB, found " in outcome.out
    report = run("check", folder, "--baseline", bundle, "--json")
    assert report.code == 1
    assert report.json["passed"] is False
    assert len(report.json["failures"]) >= 4


def test_a_check_against_another_networks_bundle_is_an_error_and_not_a_score(run, tiny, bundle, tmp_path):
    checkpoint = {"sha256": "0" * 64, "parameters": 1}
    folder = changed(tiny.artifact(2, "fp32"), tmp_path, checkpoint=checkpoint)
    assert_refused(
        run("check", folder, "--baseline", bundle, "--json"), "expected a baseline of the artifact's"
    )
    assert_refused(
        run("check", folder, "--checkpoint", tiny.checkpoint), "expected --checkpoint to be the artifact's"
    )


def test_a_bundle_at_another_scale_is_refused(run, tiny, tmp_path):
    options = ("--checkpoint", tiny.checkpoint, "--tile", "16", "--scale", "3")
    run("baseline", tmp_path / "a.npz", *options)
    outcome = run("check", tiny.artifact(2, "fp32"), "--baseline", tmp_path / "a.npz")
    assert_refused(outcome, "expected a baseline at ×2, found one at ×3")


def test_what_is_no_bundle_is_refused(run, tiny, tmp_path):
    (tmp_path / "a.npz").write_bytes(b"no bundle")
    outcome = run("check", tiny.artifact(2, "fp32"), "--baseline", tmp_path / "a.npz", "--json")
    assert_refused(outcome, "expected a .npz baseline bundle")
