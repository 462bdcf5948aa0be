"""A router in Core ML artifacts: a method of one window size, for ``build``, ``check`` and ``upscale``."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from routers import RoutedPair, build_pair
from torch import Tensor

from edge import cache
from edge.card import CARD_FILE, Precision
from edge.card_reader import read_card
from edge.errors import BadArtifact, ExportError
from edge.images.pictures import sample_pictures
from edge.images.pixels import bytes_of, planes_of
from edge.pipeline import build_artifact
from edge.recipe import ArtifactSpec, Recipe
from edge.run.artifact import Artifact
from edge.run.routing import GainMap
from edge.run.upscale import upscale
from edge.super_resolution import SuperResolution, build_of
from edge.task import Build
from models import EMBEDDED, checkpoint_hash, load_checkpoint
from models.liif.router import Router, load_router, save_router

WINDOW = 48  # LR pixels: a cell of 32 with halos of 8


@pytest.fixture(scope="module")
def pair(tiny, tmp_path_factory) -> RoutedPair:
    """Packages in fp16: the smaller network's of tiles of 64, the bigger one's of tiles as large as a
    window."""
    folder = tmp_path_factory.mktemp("routed-coreml")
    spec = ArtifactSpec(2, "fp16", "coreml")
    recipe = Recipe((spec,), tiny.checkpoint, tile=WINDOW, max_tile=64)
    bigger = build_artifact(build_of(tiny.model, recipe, spec), folder / "bigger")
    return build_pair(tiny.model, bigger, folder, "fp16", "coreml")


@pytest.fixture
def photo(tmp_path) -> Path:
    """Noise that grows towards the right: a picture of several tiles, and of cells of all kinds."""
    noise = np.random.default_rng(0).integers(0, 256, (100, 150, 3))
    Image.fromarray((noise * np.linspace(0, 1, 150)[:, None]).astype(np.uint8)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_the_card_says_all_that_an_app_needs(pair):
    card = read_card(pair.smaller)
    forward, route = card.methods
    assert card.routing is not None
    assert (route.name, route.program) == (card.routing.method, "route.mlpackage")
    assert forward.program == "forward.mlpackage"
    assert (card.tile.fixed, card.routing.window) == (64, WINDOW)
    assert [(tensor.name, tensor.shape) for tensor in route.inputs] == [
        ("lr", [1, 3, WINDOW, WINDOW]),
        ("inside", [1, 1, WINDOW, WINDOW]),
    ]
    assert route.output.shape == [1, 1]


@pytest.mark.parametrize(
    ("precision", "target"), [("fp16", "coreml"), ("int8", "coreml"), ("fp16", "coreml-pte")]
)
def test_windows_of_every_size_are_predicted_as_the_router_does(
    pair, tiny, tmp_path, precision: Precision, target: str
):
    folder = pair.smaller
    if (precision, target) != ("fp16", "coreml"):
        folder = build_pair(tiny.model, pair.bigger, tmp_path, precision, target).smaller
    artifact, router = Artifact.open(folder), load_router(pair.router)
    _, (_, photograph) = sample_pictures()
    for height, width in ((8, 8), (9, 48), (48, 48), (27, 44)):
        window = np.ascontiguousarray(photograph[None, :, 20 : 20 + height, 30 : 30 + width])
        with torch.no_grad():
            expected = router(torch.from_numpy(window)).item()
        assert artifact.route(window) == pytest.approx(expected, abs=0.1 if precision == "int8" else 0.01)


class Crooked(Router):
    """It predicts more in fp32 than what is exported of it."""

    def forward(self, window: Tensor) -> Tensor:
        return super().forward(window) + 1


def test_a_package_that_predicts_something_else_than_its_router_is_not_kept(pair, tmp_path):
    router = load_router(pair.router)
    crooked = Crooked(router.config).eval()
    crooked.load_state_dict(router.state_dict())
    recipe = Recipe((ArtifactSpec(2, "fp16", "coreml"),), pair.checkpoint, tile=64, max_tile=64)
    network = SuperResolution(load_checkpoint(pair.checkpoint), crooked, one_size=True)
    with pytest.raises(ExportError, match=r"route: expected predictions within 0\.5 of .*, found 1\.0"):
        build_artifact(Build(network, "x2", "fp16", "coreml", recipe), tmp_path / "artifact")
    assert list(tmp_path.iterdir()) == []


def test_effort_has_the_cells_that_the_map_of_gains_says(run, pair, photo, tmp_path):
    smaller, bigger = Artifact.open(pair.smaller), Artifact.open(pair.bigger)
    lr = planes_of(np.asarray(Image.open(photo)))
    chosen = upscale(GainMap(smaller), lr)[0] > smaller.card.routing.thresholds[40]
    assert 0 < chosen.mean() < 1
    alone = upscale(smaller, lr)
    made = {}
    for effort in (0, 40, 100):
        out = tmp_path / f"{effort}.png"
        options = ["--artifact", pair.smaller, "--bigger", pair.bigger, "--effort", effort]
        outcome = run("upscale", photo, out, *options)
        assert outcome.code == 0, outcome.err
        assert "by liif-x2-fp16-coreml and bigger for" in outcome.out
        made[effort] = np.asarray(Image.open(out))
    assert np.array_equal(made[0], bytes_of(alone))
    assert np.array_equal(made[40], np.where(chosen[..., None], made[100], made[0]))
    assert np.abs(made[100] - bytes_of(upscale(bigger, lr)).astype(int)).max() <= 2  # tiles lie elsewhere


def test_a_bigger_artifact_of_another_tile_is_refused(run, pair, tiny, photo, tmp_path):
    bigger = ["--bigger", tiny.artifact(2, "fp16", "coreml")]  # of tiles of 32
    outcome = run("upscale", photo, tmp_path / "a.png", "--artifact", pair.smaller, *bigger, "--effort", "40")
    assert outcome.code == 2
    assert "or of one from 48 to 64 pixels, found liif-x2-fp16-coreml, which takes tiles of 32" in outcome.err


def test_the_embedded_bigger_artifact_is_of_the_same_target_and_precision(monkeypatch, pair):
    card = read_card(pair.smaller)
    baseline = checkpoint_hash(load_checkpoint(EMBEDDED["baseline"]))
    routing = card.routing.model_copy(update={"bigger": baseline})
    asked = []
    monkeypatch.setattr(cache, "cached_artifact", lambda path, spec, log: asked.append(spec) or path)
    for target, precision in (("coreml", "fp16"), ("coreml", "int8"), ("xnnpack", "int8-dynamic")):
        of_it = card.model_copy(update={"target": target, "precision": precision})
        _, name = cache.find_bigger(of_it, routing, None, pytest.fail)
        assert name == "baseline"
    assert [spec.name for spec in asked] == [
        "liif-x2-fp16-coreml",
        "liif-x2-int8-coreml",
        "liif-x2-int8-xnnpack",
    ]


@pytest.mark.parametrize("window", [None, WINDOW - 1])
def test_a_card_with_a_window_that_holds_no_cell_is_refused(pair, tmp_path, window):
    shutil.copytree(pair.smaller, tmp_path / "artifact")
    card = json.loads((pair.smaller / CARD_FILE).read_text())
    card["routing"]["window"] = window
    (tmp_path / "artifact" / CARD_FILE).write_text(json.dumps(card))
    with pytest.raises(BadArtifact, match=r"routing\.window"):
        read_card(tmp_path / "artifact")


def test_check_compares_the_router_where_it_is_given(run, pair, tmp_path):
    check = ["check", pair.smaller, "--checkpoint", pair.checkpoint]
    outcome = run(*check)
    assert outcome.code == 0, outcome.err
    assert "the router's predictions were not compared; see --router" in outcome.out
    outcome = run(*check, "--router", pair.router, "--json")
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert found["route"]["mean_abs"] < 0.01 and found["route_failures"] == []
    assert "predictions within 0.00" in run(*check, "--router", pair.router).out


def test_check_fails_a_router_that_predicts_something_else(run, pair, tmp_path):
    router = load_router(pair.router)
    with torch.no_grad():
        router.head[-1].bias += 1
    save_router(router, tmp_path / "other.safetensors")
    check = [
        "check",
        pair.smaller,
        "--checkpoint",
        pair.checkpoint,
        "--router",
        tmp_path / "other.safetensors",
    ]
    outcome = run(*check)
    assert outcome.code == 1
    assert "FAILED at route: expected predictions within 0.5" in outcome.out
    outcome = run(*check, "--json")
    found = json.loads(outcome.out)
    assert outcome.code == 1 and not found["passed"] and len(found["route_failures"]) == 1


def test_check_refuses_the_router_of_another_pair_and_an_artifact_without_one(run, pair, tiny, tmp_path):
    router = load_router(pair.router)
    router.config = replace(router.config, bigger="c" * 64)
    save_router(router, tmp_path / "other.safetensors")
    for artifact, path, words in (
        (pair.smaller, tmp_path / "other.safetensors", "expected the router that liif-x2-fp16-coreml has"),
        (pair.bigger, pair.router, "expected an artifact with a router"),
        (pair.smaller, tmp_path / "gone", "expected a checkpoint file, found nothing there"),
    ):
        outcome = run("check", artifact, "--checkpoint", pair.checkpoint, "--router", path)
        assert outcome.code == 2
        assert words in outcome.err
