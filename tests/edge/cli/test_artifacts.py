"""``liif-edge`` build and info: artifacts are made and told about."""

import json

import pytest
import torch
from command_line import (
    assert_refused,
    assert_refused_after_notes,
    joined,
    listing,
)

from edge.card import CARD_FILE
from edge.card_reader import read_card
from edge.cli.main import parser
from models import LIIF, LIIFConfig, save_checkpoint


def test_build_makes_the_artifact_that_is_asked_for(run, tmp_path):
    torch.manual_seed(0)
    config = LIIFConfig(n_feats=4, block_widths=(), hidden_widths=(8,), local_ensemble=False)
    save_checkpoint(LIIF(config), tmp_path / "own.pth")
    options = ("--scale", "any", "--precision", "fp32", "--tile", "32", "--halo", "3")
    arguments = ("build", "--checkpoint", tmp_path / "own.pth", "--out", tmp_path / "dist", *options)
    outcome = run(*arguments)
    folder = tmp_path / "dist" / "liif-any-fp32-xnnpack"
    assert outcome.code == 0, outcome
    assert outcome.out == f"{folder}\n"
    assert next(line.partition(": ")[2][:8] for line in outcome.err.splitlines()) == "building"
    assert "dB from fp32" in outcome.err.splitlines()[-1]
    assert read_card(folder).tile.default == 32
    before = listing(tmp_path)
    assert_refused_after_notes(run(*arguments), "--force replaces it")
    assert listing(tmp_path) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--target", "coreml"), "expected --scale or --precision with --target"),
        (("--precision", "fp16"), "expected a precision of fp32, int8-dynamic, int8 for xnnpack, found fp16"),
        (("--tile", "16"), "expected a tile larger than two halos of 8 and up to 128, found 16"),
        (("--tile", "300"), "and up to 256, found 300"),
    ],
    ids=joined,
)
def test_build_refuses_what_cannot_be_built(run, tiny, tmp_path, options, words):
    outcome = run("build", "--checkpoint", tiny.checkpoint, "--out", tmp_path / "dist", *options)
    assert_refused(outcome, words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "former"),
    [(["--probes"], ["--stages"]), (["--mixed-precision", "a.json"], ["--layers-from", "a.json"])],
    ids=joined,
)
def test_build_accepts_former_names_of_options_and_shows_the_new_ones(run, name, former):
    plain, given = (parser().parse_args(["build", *options]) for options in ([], name))
    assert parser().parse_args(["build", *former]) == given != plain
    shown = run("build", "--help").out
    assert name[0] in shown and former[0] not in shown


def test_build_refuses_a_calibration_folder_without_pictures(run, tiny, tmp_path):
    (tmp_path / "empty").mkdir()
    options = ("--checkpoint", tiny.checkpoint, "--scale", "2", "--calibration", tmp_path / "empty")
    outcome = run("build", *options, "--out", tmp_path / "dist")
    assert_refused(outcome, "expected pictures")
    assert not (tmp_path / "dist").exists()


def test_build_refuses_an_output_that_is_a_file(run, tiny, tmp_path):
    (tmp_path / "dist").write_text("mine")
    outcome = run("build", "--checkpoint", tiny.checkpoint, "--scale", "2", "--out", tmp_path / "dist")
    assert_refused_after_notes(outcome, "expected a place to write to")
    assert (tmp_path / "dist").read_text() == "mine"


def test_info_prints_the_card(run, tiny):
    outcome = run("info", tiny.artifact("any", "int8"))
    assert (outcome.code, outcome.err) == (0, "")
    card = read_card(tiny.artifact("any", "int8"))
    for text in (
        "LIIF-EDSR, any scale, int8, for xnnpack",
        card.checkpoint.sha256[:16],
        card.programs["model.pte"].sha256[:16],
        "method encode",
        "method decode",
        "W8A8",
        f"{card.measured.psnr_db:.1f} dB from fp32",
        f"torch {card.versions['torch']}",
    ):
        assert text in outcome.out


@pytest.mark.parametrize("spec", [(2, "fp32"), (2, "fp16", "coreml")], ids=["pte", "coreml"])
def test_info_for_machines_is_the_card_itself(run, tiny, spec):
    outcome = run("info", tiny.artifact(*spec), "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.json == json.loads((tiny.artifact(*spec) / CARD_FILE).read_text())
