"""``train-router``: from pictures and two artifacts to a router that builds take."""

import numpy as np
import pytest
from command_line import assert_refused
from PIL import Image

from edge.card_reader import read_card
from edge.recipe import ArtifactSpec, Recipe
from edge.super_resolution import router_of
from models import load_checkpoint
from models.drawings import draw_sheet
from models.liif.router import load_router


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(26):  # 24 are held out
        Image.fromarray(draw_sheet(256, 260, number)).save(folder / f"{number:02}.png")
    return folder


def test_a_trained_router_is_for_its_pair(routed_pair, pictures, tmp_path, run, monkeypatch):
    monkeypatch.setattr("edge.cli.routers.PER_PICTURE", 1)
    out = tmp_path / "router.safetensors"
    pair = ["--smaller", str(routed_pair.smaller), "--bigger", str(routed_pair.bigger)]
    options = ["--patches", "3", "--steps", "2"]
    outcome = run("train-router", out, "--data", pictures, *pair, *options)
    assert outcome.code == 0
    assert "of the gain of the best 20% of 384 cells" in outcome.out
    router = load_router(out)
    assert router.config.bigger == read_card(routed_pair.bigger).checkpoint.sha256
    assert len(np.unique(router.config.thresholds)) > 20
    recipe = Recipe((ArtifactSpec(2, "int8"),), routed_pair.checkpoint, router=out)
    assert router_of(load_checkpoint(routed_pair.checkpoint), recipe).config == router.config


def test_bad_input_is_refused_before_the_work(tiny, pictures, tmp_path, run):
    out = tmp_path / "router.safetensors"
    for options, words in (
        (("--patches", "0"), "expected at least 1 patch and 1 step, found 0 and 4000"),
        (("--smaller", tiny.artifact("any", "int8")), "expected artifacts at ×2, found liif-any-int8"),
    ):
        assert_refused(run("train-router", out, "--data", pictures, *options), words)
    assert not out.exists()
