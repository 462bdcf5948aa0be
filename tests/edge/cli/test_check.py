"""``liif-edge`` baseline and check: fp32 once, then artifacts against it."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import (
    Outcome,
    assert_refused,
    changed,
    joined,
)

from edge.card import hash_program
from edge.check.baseline import EMBEDDED_BUNDLE, read_bundle, require_checkpoint
from edge.check.device_outputs import export_inputs
from edge.cli.main import main
from edge.images.extremes import COLOURS, colour_tiles
from edge.images.pictures import baseline_pictures
from models import DEFAULT_WEIGHTS, checkpoint_hash, load_checkpoint


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
    assert outcome == Outcome(0, f"{path}: 31 tiles at ×1.5, made on {device}\n", "")
    first = path.read_bytes()
    assert_refused(run(*arguments), "--force replaces it")
    assert run(*arguments, "--force").code == 0
    assert path.read_bytes() == first
    assert os.listdir(tmp_path) == ["a.npz"]


def test_baseline_takes_pictures_of_a_folder_without_telling_their_names(run, tiny, picture, tmp_path):
    path = tmp_path / "a.npz"
    options = ("--checkpoint", tiny.checkpoint, "--images", picture.parent, "--tile", "20")
    assert run("baseline", path, *options).code == 0
    colours = [f"pure colours {number}" for number in range(1, 8)]
    names = [tile.name for tile in read_bundle(path).tiles]
    assert names == ["picture 1 (0, 0)", "picture 1 (10, 15)", *colours]


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
    for text in ("worst cases", "picture", "block of 16x16", "flat area", "row ", "pure colours 7"):
        assert text in outcome.out


def tiny_tile(spec: tuple) -> int:
    """The side of the tiles of a baseline that is made for the check: the program's, if it has but one."""
    return 32 if "coreml" in spec else 64


@pytest.mark.parametrize("spec", [(2, "int8"), ("any", "int8"), (2, "fp16", "coreml")], ids=joined)
def test_check_makes_a_baseline_of_the_checkpoint_if_none_is_given(run, tiny, spec):
    outcome = run("check", tiny.artifact(*spec), "--checkpoint", tiny.checkpoint, "--json")
    assert (outcome.code, outcome.err) == (0, "")
    report = outcome.json
    assert report["passed"] is True
    assert report["failures"] == []
    assert report["artifact"] == tiny.artifact(*spec).name
    assert report["baseline"]["checkpoint_sha256"] == checkpoint_hash(tiny.model)
    assert len(report["tiles"]) == 4 + len(colour_tiles(tiny_tile(spec)))
    assert [case["measure"] for case in report["worst"]] == ["picture", "block", "flat"]
    for case, measure in zip(report["worst"], ("psnr_db", "worst_block", "worst_flat"), strict=True):
        (found,) = (tile[measure] for tile in report["tiles"] if tile["name"] == case["name"])
        values = [tile[measure] for tile in report["tiles"]]
        assert case["found"] == found == (min if measure == "psnr_db" else max)(values)
        assert case["limit"] == report["threshold"][measure]
        assert (case["at"] is None) == (measure == "psnr_db")
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
    assert outcome.out.endswith("FAILED at probe tile (a blended tile, halo in full)\n")
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


def test_the_embedded_baseline_has_every_pure_colour_and_is_of_the_embedded_weights():
    bundle = read_bundle(EMBEDDED_BUNDLE)
    require_checkpoint(bundle, checkpoint_hash(load_checkpoint(DEFAULT_WEIGHTS)))
    expected = baseline_pictures(None, 32)
    assert bundle.provenance.names == tuple(name for name, _ in expected)
    assert all(np.array_equal(t.lr, lr) for t, (_, lr) in zip(bundle.tiles, expected, strict=True))
    colours = np.concatenate([tile.lr.reshape(3, -1).T for tile in bundle.tiles if "pure" in tile.name])
    assert {tuple(map(int, (255 * colour).round())) for colour in np.unique(colours, axis=0)} == {*COLOURS}


def test_a_device_that_is_off_on_one_pure_colour_alone_fails(run, tiny, bundle, tmp_path):
    inputs = read_bundle(bundle)
    device = tmp_path / "device"
    export_inputs(inputs, device)
    (device / "device.json").write_text('{"device": "a phone"}')
    for number, tile in enumerate(inputs.tiles):
        blue = (tile.lr == np.float32([0, 0, 1])[:, None, None]).all(0).repeat(2, axis=0).repeat(2, axis=1)
        np.save(device / f"{number}-sr.npy", tile.sr + np.float32(2.5 / 255) * blue)
    as_int8 = changed(tiny.artifact(2, "fp32"), tmp_path, precision="int8")
    options = ("--baseline", bundle, "--device", "files", "--outputs", device, "--json")
    outcome = run("check", as_int8, *options)
    assert outcome.code == 1
    (failure,) = outcome.json["failures"]
    assert failure.endswith(": expected flat areas within 2 of 255, found 2.50")
    flat = outcome.json["worst"][2]
    assert flat["name"] in failure and flat["name"].startswith("pure colours ")
