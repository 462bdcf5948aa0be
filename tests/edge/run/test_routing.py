"""Parts of a picture through a bigger network: cells of tiles, and which of them it makes."""

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pytest
from enlarging import upscaled

from edge.card import Card, RoutingCard
from edge.card_reader import read_card
from edge.embedded import embedded_artifact
from edge.errors import BadInput
from edge.images.picture import picture_of
from edge.recipe import ArtifactSpec
from edge.run.artifact import Artifact
from edge.run.routing import (
    Budget,
    Effort,
    GainHistogram,
    GainMap,
    RoutedArtifact,
    cells_of,
    check_pair,
    merged,
    route,
)
from edge.run.tiling import plan_tiles
from edge.run.upscale import Renderer, put_together, render_tiles, upscale
from models import EMBEDDED

CELL, HALO, TILE = 32, 8, 128

# Prediction e is exceeded by the cells brighter than that: a picture of grey levels needs them so.
ROUTING = RoutingCard(
    method="route",
    cell=CELL,
    halo=HALO,
    eps=1e-3,
    bigger="b" * 64,
    thresholds=[1 - e / 100 for e in range(101)],
)


class Repeats:
    """A program of ×2 that repeats pixels, times ``factor``; the predicted gain is a window's mean."""

    about: ClassVar[dict[str, str]] = {"device": "NumPy"}

    def __init__(self, factor: float) -> None:
        self.factor, self.windows = np.float32(factor), list[tuple[int, int]]()
        self.n_rendered = 0

    def run(self, method: str, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        lr = inputs["lr"]
        if method == "route":
            if "inside" in inputs:  # of one size: what is not inside is no part of the window
                rows, columns = (int(inputs["inside"].max(axis=axis).sum()) for axis in (3, 2))
                lr = np.ascontiguousarray(lr[:, :, :rows, :columns])
            self.windows.append(lr.shape[2:])
            return lr.mean(keepdims=True).reshape(1, 1)
        self.n_rendered += 1
        return self.factor * lr.repeat(2, axis=2).repeat(2, axis=3)


def card_of(sha256: str, routing: RoutingCard | None) -> Card:
    folder = embedded_artifact(EMBEDDED["fast"], ArtifactSpec(2, "int8-dynamic"))
    assert folder is not None
    card = read_card(folder)
    forward = card.methods[0]
    return card.model_copy(
        update={
            "checkpoint": card.checkpoint.model_copy(update={"sha256": sha256}),
            "routing": routing,
            "methods": [forward, forward.model_copy(update={"name": "route"})],
        }
    )


@pytest.fixture
def smaller() -> Artifact:
    return Artifact(card_of("a" * 64, ROUTING), Repeats(1.0))


@pytest.fixture
def bigger() -> Artifact:
    return Artifact(card_of("b" * 64, None), Repeats(0.5))


def noise(height: int, width: int, n_planes: int = 3) -> np.ndarray:
    return np.random.default_rng(0).random((n_planes, height, width), np.float32)


def steps(height: int, width: int) -> np.ndarray:
    """(3, height, width), brighter towards the right."""
    ramp = np.linspace(0, 1, width, dtype=np.float32)
    return np.broadcast_to(ramp, (3, height, width)).copy()


@pytest.mark.parametrize("lr_size", [(1, 1), (5, 300), (8, 8), (100, 131), (129, 240), (300, 97)])
def test_cells_partition_the_picture_and_see_their_halo_as_far_as_the_picture_reaches(lr_size):
    owned = np.zeros(lr_size, int)
    size = (2 * lr_size[0], 2 * lr_size[1])
    for tile in plan_tiles(lr_size, size, (TILE, TILE), HALO, smallest_side=8):
        cells = cells_of(tile, 2, ROUTING)
        for row, column in np.ndindex(cells.shape):
            part = cells.part((row, row + 1), (column, column + 1))
            own = [(span[0] // 2, span[1] // 2) for span in (part.target.rows, part.target.columns)]
            owned[slice(*own[0]), slice(*own[1])] += 1
            sides = zip(own, (part.source.rows, part.source.columns), lr_size, strict=True)
            for (first, last), source, n in sides:
                assert 0 < last - first <= CELL
                if n >= 8:
                    assert source == (max(0, first - HALO), min(n, last + HALO))
                else:  # a tiny picture is extended to eight pixels
                    assert source[1] - source[0] == 8
    assert (owned == 1).all()


@pytest.mark.parametrize("lr_size", [(1, 1), (5, 300), (129, 240)])
def test_the_router_sees_of_a_cell_what_a_bigger_network_would(lr_size):
    for tile in plan_tiles(lr_size, (2 * lr_size[0], 2 * lr_size[1]), (TILE, TILE), HALO, smallest_side=8):
        cells = cells_of(tile, 2, ROUTING)
        rows, columns = cells.windows()
        for i, j in np.ndindex(cells.shape):
            inside = cells.part((i, i + 1), (j, j + 1)).source.within(tile.source)
            assert (rows[i], columns[j]) == (inside.rows, inside.columns)


def test_a_tile_has_as_few_cells_as_hold_it_and_they_are_alike():
    (tile,) = plan_tiles((97, 64), (194, 128), (TILE, TILE), HALO)
    cells = cells_of(tile, 2, ROUTING)
    assert cells.rows == (0, 24, 48, 72, 97)
    assert cells.columns == (0, 32, 64)


@pytest.mark.parametrize("seed", range(20))
def test_merged_rectangles_cover_the_chosen_cells_once(seed):
    chosen = np.random.default_rng(seed).random((4, 5)) < seed / 20
    covered = np.zeros(chosen.shape, int)
    for rows, columns in merged(chosen):
        covered[slice(*rows), slice(*columns)] += 1
    assert np.array_equal(covered, chosen)


def test_a_block_of_cells_is_one_rectangle():
    chosen = np.zeros((4, 4), bool)
    chosen[1:3, 0:3] = True
    assert list(merged(chosen)) == [((1, 3), (0, 3))]


def test_the_bigger_network_makes_the_cells_above_the_threshold(smaller, bigger):
    lr = steps(60, 300)
    routed = RoutedArtifact(smaller, bigger, threshold=0.6)
    made = upscale(routed, lr)
    by_smaller, by_bigger = upscale(smaller, lr), upscale(bigger, lr)
    was_bigger = (made == by_bigger).all(axis=(0, 1))
    assert ((made == by_smaller) | (made == by_bigger)).all()
    (edge,) = np.flatnonzero(np.diff(was_bigger[2:].astype(int)))  # black is black by both
    assert abs((edge + 2) / 2 / 300 - 0.6) < CELL / 300
    assert 0.3 < routed.share < 0.5


def test_the_map_of_gains_says_where_the_bigger_network_is(smaller, bigger):
    lr = noise(150, 300) * steps(150, 300) + np.float32(0.01)  # nothing is black by both
    chosen = upscale(GainMap(smaller), lr) > np.float32(0.25)
    made = upscale(RoutedArtifact(smaller, bigger, 0.25), lr)
    assert 0 < chosen.mean() < 1
    assert np.array_equal(made, np.where(chosen, upscale(bigger, lr), upscale(smaller, lr)))


PICTURES = {"colours": noise(150, 140), "alpha": noise(60, 150, 4), "tiny": noise(3, 5), "wide": noise(4, 90)}
PICTURES["black"] = np.zeros((3, 40, 40), np.float32)  # its predictions are the last threshold


@pytest.mark.parametrize("name", PICTURES)
def test_no_effort_is_the_smaller_network_and_full_effort_the_bigger_one(smaller, bigger, name):
    picture = picture_of(PICTURES[name])
    for effort, alone, share in ((0, smaller, 0.0), (100, bigger, 1.0)):
        routed = route(smaller, bigger, Effort(effort), lambda _: ())
        assert np.array_equal(upscaled(routed, picture).samples, upscaled(alone, picture).samples)
        assert routed.share == share


def test_the_ends_of_effort_are_beyond_all_predictions(smaller):
    ends = [Effort(effort).threshold(smaller, lambda _: ()) for effort in (0, 1, 99, 100)]
    assert ends == [math.inf, 0.99, pytest.approx(0.01), -math.inf]


def test_a_tile_for_the_bigger_network_is_not_made_by_the_smaller_one_too(smaller, bigger):
    upscale(RoutedArtifact(smaller, bigger, -math.inf), noise(150, 140))
    assert (smaller._program.n_rendered, bigger._program.n_rendered) == (0, 4)


def test_an_effort_is_the_share_of_cells_above_its_threshold(smaller, bigger):
    lr = steps(32, 3200)
    shares = []
    for effort in (10, 25, 50, 80):
        routed = route(smaller, bigger, Effort(effort), lambda _: ())
        upscale(routed, lr)
        shares.append(round(100 * routed.share))
    assert shares == pytest.approx([10, 25, 50, 80], abs=1)


@pytest.mark.parametrize("share", [0, 0.1, 0.37, 0.5, 0.99, 1])
def test_a_budget_is_spent_on_the_cells_of_largest_predicted_gain_and_never_exceeded(smaller, bigger, share):
    lr = noise(200, 300) * steps(200, 300)

    def first_pass(renderer: Renderer):
        return render_tiles(renderer, lr)

    routed = route(smaller, bigger, Budget(share), first_pass)
    put_together(render_tiles(routed, lr), (400, 600))
    assert share - 0.1 <= routed.share <= share
    assert routed.share == share or share not in (0, 1)


def test_predictions_beyond_the_histogram_are_counted_at_its_ends(smaller):
    histogram = GainHistogram(smaller)
    for value in (-1e6, -1e6, 1e6):
        upscale(histogram, np.full((3, 8, 8), value, np.float32))
    assert histogram.threshold(0.3) == math.inf
    assert -16 < histogram.threshold(0.34) < 16
    assert histogram.threshold(1.0) == -math.inf


def test_windows_of_the_router_stay_within_a_cell_and_two_halos(smaller):
    upscale(RoutedArtifact(smaller, smaller, 0.5), noise(260, 200))
    assert max(max(window) for window in smaller._program.windows) <= CELL + 2 * HALO


@pytest.mark.parametrize("side", [48, 64, 96, TILE])
@pytest.mark.parametrize("lr_size", [(128, 128), (200, 131), (129, 250)])
def test_sources_of_one_size_hold_every_chosen_cell_with_its_halo_once(lr_size, side):
    rng = np.random.default_rng(side)
    for tile in plan_tiles(lr_size, (2 * lr_size[0], 2 * lr_size[1]), (TILE, TILE), HALO):
        cells = cells_of(tile, 2, ROUTING)
        chosen = rng.random(cells.shape) < 0.4
        times = np.zeros(cells.shape, int)
        for rows, columns in cells.blocks(chosen, side):
            assert chosen[slice(*rows), slice(*columns)].any()
            times[slice(*rows), slice(*columns)] += 1
            source = cells.part(rows, columns, side).source
            needed = cells.part(rows, columns).source
            assert source.height == source.width == side
            for axis in ("rows", "columns"):
                of_tile, of_source, of_cells = (getattr(r, axis) for r in (tile.source, source, needed))
                assert of_tile[0] <= of_source[0] <= of_cells[0]
                assert of_cells[1] <= of_source[1] <= of_tile[1]
        assert (times[chosen] == 1).all() and times.max() <= 1


def of_one_size(artifact: Artifact, side: int) -> Artifact:
    """The same, of tiles of ``side`` pixels only; a router of its own takes windows of one size."""
    card = artifact.card
    routing = card.routing and card.routing.model_copy(update={"window": CELL + 2 * HALO})
    tile = card.tile.model_copy(update={"fixed": side, "maximum": side, "default": side})
    return Artifact(card.model_copy(update={"tile": tile, "routing": routing}), artifact._program)


@pytest.mark.parametrize("side", [48, 80, TILE])
def test_a_bigger_network_of_one_tile_size_makes_the_cells_that_one_of_any_size_does(smaller, bigger, side):
    lr = noise(150, 300) * steps(150, 300) + np.float32(0.01)
    expected = upscale(RoutedArtifact(smaller, bigger, 0.25), lr)
    routed = RoutedArtifact(of_one_size(smaller, TILE), of_one_size(bigger, side), 0.25)
    assert np.array_equal(upscale(routed, lr), expected)
    assert 0 < routed.share < 1
    everywhere = RoutedArtifact(of_one_size(smaller, TILE), of_one_size(bigger, side), -math.inf)
    assert np.array_equal(upscale(everywhere, lr), upscale(bigger, lr))


@pytest.mark.parametrize(
    ("own", "side", "words"),
    [
        (None, 128, "of any size, found"),
        (128, 47, "of any size or of one from 48 to 128 pixels, found"),
        (64, 128, "of any size or of one from 48 to 64 pixels, found"),
    ],
)
def test_a_bigger_network_whose_one_tile_holds_no_cell_or_is_too_large_is_refused(
    smaller, bigger, own, side, words
):
    of_it = smaller if own is None else of_one_size(smaller, own)
    with pytest.raises(BadInput, match=words):
        check_pair(of_it.card, of_one_size(bigger, side).card)


@pytest.mark.parametrize("wrong", [-1, 101])
def test_an_effort_is_a_percentage(wrong):
    with pytest.raises(BadInput, match=f"from 0 to 100, found {wrong}"):
        Effort(wrong)


@pytest.mark.parametrize("wrong", [-0.1, 1.5, math.nan])
def test_a_budget_is_a_share(wrong):
    with pytest.raises(BadInput, match="from 0 to 1, found"):
        Budget(wrong)


def test_artifacts_that_are_no_pair_are_refused(smaller, bigger):
    with pytest.raises(BadInput, match=r"an artifact with a router, found .*, which has none"):
        route(bigger, bigger, Effort(10), lambda _: ())
    with pytest.raises(BadInput, match=r"of the checkpoint bbbbbbbbbbbb…, .* of aaaaaaaaaaaa…"):
        route(smaller, smaller, Effort(10), lambda _: ())
