"""Two networks for one picture: ``build --router``, ``upscale --effort`` and ``--budget``."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from routers import seeded

from edge.card import CARD_FILE
from edge.card_reader import read_card
from edge.check.built_in import check_route
from edge.errors import BadArtifact, BadInput
from edge.images.pictures import sample_pictures
from edge.recipe import ArtifactSpec
from edge.run.artifact import Artifact
from edge.super_resolution import SuperResolution, count_macs
from edge.upscaler import Upscaler
from models import checkpoint_hash, save_checkpoint
from models.drawings import draw_sheet
from models.liif.router import load_router


@pytest.fixture
def photo(tmp_path) -> Path:
    """A drawn sheet and noise beside it: a picture of several tiles."""
    sheet = draw_sheet(140, 200, 2).copy()
    sheet[:, 100:] = np.random.default_rng(0).integers(0, 256, (140, 100, 3))
    Image.fromarray(sheet).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_the_card_says_what_the_router_needs(routed_pair):
    card, config = read_card(routed_pair.smaller), load_router(routed_pair.router).config
    assert card.routing is not None
    assert [method.name for method in card.methods] == ["forward", "route"]
    assert (card.routing.method, card.routing.cell, card.routing.halo) == ("route", 32, 8)
    assert (card.routing.bigger, card.routing.eps) == (config.bigger, config.eps)
    assert tuple(card.routing.thresholds) == config.thresholds
    assert read_card(routed_pair.bigger).routing is None


def test_a_router_is_no_part_of_the_work_per_output_pixel(routed_pair):
    model, router = seeded(1), load_router(routed_pair.router)
    alone, routed = (SuperResolution(model, r).program("x2", 64, 64) for r in (None, router))
    assert len(routed.methods) == len(alone.methods) + 1
    assert (
        count_macs(alone, 2) == count_macs(routed, 2) == read_card(routed_pair.smaller).macs_per_output_pixel
    )


@pytest.mark.parametrize("side", [(8, 8), (9, 48), (48, 48), (27, 44)])
def test_the_program_predicts_what_the_router_does(routed_pair, side):
    artifact, router = Artifact.open(routed_pair.smaller), load_router(routed_pair.router)
    _, (_, photograph) = sample_pictures()
    window = photograph[None, :, 20 : 20 + side[0], 30 : 30 + side[1]]
    with torch.no_grad():
        expected = router(torch.from_numpy(window.copy())).item()
    assert artifact.route(window) == pytest.approx(expected, abs=0.1)


def test_a_program_that_predicts_something_else_is_noticed(routed_pair):
    artifact, router = Artifact.open(routed_pair.smaller), load_router(routed_pair.router)
    assert check_route(artifact, router).failures == []
    with torch.no_grad():
        router.head[-1].bias += 1.0
    (failure,) = check_route(artifact, router).failures
    assert failure.startswith("route: expected predictions within 0.5")


def test_effort_says_how_much_the_bigger_network_made(run, routed_pair, photo, tmp_path):
    options = ["--artifact", routed_pair.smaller, "--bigger", routed_pair.bigger]
    shares = []
    for effort in (0, 30, 100):
        out = tmp_path / f"{effort}.png"
        outcome = run("upscale", photo, out, *options, "--effort", effort)
        assert outcome.code == 0, outcome.err
        found = re.search(
            r"by liif-x2-int8-xnnpack and liif-x2-int8-xnnpack for (\d+) % of its cells", outcome.out
        )
        assert found is not None, outcome.out
        shares.append(int(found[1]))
    assert shares[0] == 0 < shares[1] < shares[2] == 100
    for effort, alone in ((0, routed_pair.smaller), (100, routed_pair.bigger)):
        tiles = ["--tile", "64", "--halo", "8"]  # the smaller one's, in which it is routed
        run("upscale", photo, tmp_path / "alone.png", "--artifact", alone, *tiles, "--force")
        assert np.array_equal(pixels(tmp_path / f"{effort}.png"), pixels(tmp_path / "alone.png"))


def test_a_budget_is_a_share_of_the_picture(run, routed_pair, photo, tmp_path):
    options = ["--artifact", routed_pair.smaller, "--bigger", routed_pair.bigger, "--budget", "0.25"]
    outcome = run("upscale", photo, tmp_path / "out.png", *options)
    assert outcome.code == 0, outcome.err
    (share,) = re.findall(r"for (\d+) % of its cells", outcome.out)
    assert 10 <= int(share) <= 25


def test_arrays_and_files_come_out_alike(routed_pair, photo, tmp_path):
    every = ({"effort": 50}, {"budget": 0.3}, {"effort": 50, "ensemble": True})
    for number, options in enumerate(every):
        upscaler = Upscaler(artifact=routed_pair.smaller, bigger=routed_pair.bigger, **options)
        enlarged = upscaler.upscale_file(photo, tmp_path / f"{number}.png")
        assert enlarged.share is not None
        assert np.array_equal(upscaler.upscale(pixels(photo)), pixels(tmp_path / f"{number}.png"))


def test_a_folder_says_the_share_of_each_picture(run, routed_pair, photo, tmp_path):
    options = ["--artifact", routed_pair.smaller, "--bigger", routed_pair.bigger, "--effort", "50"]
    outcome = run("upscale", photo, "--to", tmp_path / "out", *options)
    assert outcome.code == 0, outcome.err
    assert "% of its cells" in outcome.out


def test_effort_needs_no_artifact(run, photo, tmp_path):
    outcome = run("upscale", photo, tmp_path / "out.png", "--effort", 20)
    assert outcome.code == 0, outcome.err
    assert "by liif-x2-int8-dynamic-xnnpack of fast and baseline for" in outcome.out
    assert "building" not in outcome.err


REFUSALS = {
    "no artifact": (["--weights", "photo"], "expected an artifact with a router for an effort"),
    "not at ×2": (["--scale", "3"], "expected an artifact with a router"),
    "both": (["--budget", "0.5"], "not allowed with argument"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_effort_is_refused_where_there_is_no_router(run, photo, tmp_path, name):
    options, words = REFUSALS[name]
    outcome = run("upscale", photo, tmp_path / "out.png", "--effort", "20", *options)
    assert outcome.code == 2
    assert words in outcome.err
    assert not (tmp_path / "out.png").exists()


def test_artifacts_that_do_not_fit_are_refused(run, routed_pair, photo, tmp_path):
    for options, words in (
        (["--artifact", routed_pair.bigger, "--effort", "20"], "expected an artifact with a router"),
        (["--artifact", routed_pair.smaller, "--effort", "20"], "see --bigger"),
        (
            ["--artifact", routed_pair.smaller, "--bigger", routed_pair.smaller, "--effort", "20"],
            "which the router knows",
        ),
        (
            ["--artifact", routed_pair.smaller, "--bigger", routed_pair.bigger],
            "expected --effort or --budget with it",
        ),
        (["--artifact", routed_pair.smaller, "--effort", "101"], "expected 0 to 100, found '101'"),
        (["--artifact", routed_pair.smaller, "--budget", "nan"], "expected a budget from 0 to 1, found nan"),
        (
            [
                "--artifact",
                routed_pair.smaller,
                "--bigger",
                routed_pair.bigger,
                "--effort",
                "20",
                "--halo",
                "4",
            ],
            "expected a halo of at least the router's 8, found 4",
        ),
    ):
        outcome = run("upscale", photo, tmp_path / "out.png", *options)
        assert outcome.code == 2
        assert words in outcome.err
        assert not (tmp_path / "out.png").exists()


def test_a_router_fits_at_2_only():
    for spec in (ArtifactSpec(3, "int8"), ArtifactSpec("any", "int8")):
        assert not spec.can_route
    for spec in (ArtifactSpec(2, "fp32"), ArtifactSpec(2, "fp16", "coreml")):
        assert spec.can_route


def test_build_refuses_a_router_of_another_network(run, routed_pair, tmp_path):
    other = seeded(2)
    save_checkpoint(other, tmp_path / "other.safetensors")
    build = ["build", "--out", tmp_path / "dist", "--router", routed_pair.router, "--scale"]
    for options, words in (
        (
            ["2", "--checkpoint", tmp_path / "other.safetensors"],
            f"checkpoint, {checkpoint_hash(other)[:12]}…, found",
        ),
        (
            ["3", "--checkpoint", routed_pair.checkpoint],
            "expected artifacts at ×2 to put a router in",
        ),
        (
            ["2", "--checkpoint", routed_pair.checkpoint, "--halo", "4"],
            "halo from 8 to the tiles' 4, found 8",
        ),
        (
            ["2", "--checkpoint", routed_pair.checkpoint, "--router", routed_pair.checkpoint],
            "expected a router configuration",
        ),
        (["2", "--router", tmp_path / "gone"], "gone: expected a checkpoint file, found nothing there"),
    ):
        outcome = run(*build, *options)
        assert outcome.code == 2
        assert words in outcome.err
        assert outcome.err.splitlines()[-1].startswith("liif-edge: ")
        assert not (tmp_path / "dist").exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("method", "detour"),
        ("halo", 4),
        ("halo", 16),
        ("thresholds", [0.0] * 100),
        ("cell", 0),
        ("window", 48),
    ],
)
def test_a_card_with_a_routing_that_cannot_be_is_refused(routed_pair, tmp_path, field, value):
    (tmp_path / "model.pte").write_bytes((routed_pair.smaller / "model.pte").read_bytes())
    card = json.loads((routed_pair.smaller / CARD_FILE).read_text())
    card["routing"][field] = value
    (tmp_path / CARD_FILE).write_text(json.dumps(card))
    with pytest.raises(BadArtifact, match="routing"):
        read_card(tmp_path)


def test_an_upscaler_takes_an_effort_or_a_budget():
    with pytest.raises(BadInput, match=r"an effort or a budget, found both: 20 and 0\.2"):
        Upscaler("fast", effort=20, budget=0.2)


def test_an_upscaler_refuses_a_bigger_artifact_that_it_would_not_use(routed_pair):
    with pytest.raises(BadInput, match="expected an effort or a budget with a bigger artifact"):
        Upscaler(artifact=routed_pair.smaller, bigger=routed_pair.bigger)


def test_eval_says_what_each_effort_buys(run, routed_pair, photo, tmp_path):
    folder = tmp_path / "hr"
    folder.mkdir()
    photo.rename(folder / "photo.png")
    options = ["--data", folder, "--routing", "--bigger", routed_pair.bigger]
    outcome = run("eval", routed_pair.smaller, *options, "--json", "--plot", tmp_path / "plot.svg")
    assert outcome.code == 0, outcome.err
    found = json.loads(outcome.out)
    assert [point["effort"] for point in found["points"]] == [0, 10, 20, 40, 60, 80, 100]
    shares = [point["share"] for point in found["points"]]
    assert shares == sorted(shares) and (shares[0], shares[-1]) == (0, 1)
    assert found["points"][0]["seam"] is None
    assert len(found["images"]) == 7
    assert (tmp_path / "plot.svg").read_text().startswith("<svg")
    table = run("eval", routed_pair.smaller, *options)
    assert table.code == 0 and "at seams" in table.out
    for wrong, words in (
        ([routed_pair.bigger, "--data", folder, "--routing"], "expected an artifact with a router"),
        (
            [routed_pair.smaller, "--data", folder, "--bigger", routed_pair.bigger],
            "expected --routing with --bigger",
        ),
        ([routed_pair.smaller, "--details", "--routing"], "expected --data with --routing"),
    ):
        outcome = run("eval", *wrong)
        assert outcome.code == 2 and words in outcome.err
