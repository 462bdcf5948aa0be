"""What the page's enlargement leaves in its files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge.card_reader import read_card
from edge.page.enlargement import Numbers, Order, enlarge
from edge.run.artifact import Artifact
from edge.run.routing import cells_of
from edge.run.tiling import plan_tiles
from models.drawings import draw_sheet


def order_of(picture: np.ndarray, pair, effort: int, folder: Path) -> Order:
    """``picture`` at ×2 by ``pair``, with its files in ``folder``."""
    Image.fromarray(picture).save(folder / "picture.png")
    return Order(
        picture=folder / "picture.png",
        size=(2 * picture.shape[0], 2 * picture.shape[1]),
        weights="",
        precision="int8",
        artifact=pair.smaller,
        bigger=pair.bigger,
        effort=effort,
        planes=folder / f"planes{effort}.npy",
        reduced_error=folder / f"error{effort}.npy",
        chosen=folder / f"chosen{effort}.npy",
    )


@pytest.fixture
def asked(monkeypatch) -> list[tuple[int, ...]]:
    """The shape of every window that a router is asked about."""
    shapes = []
    route = Artifact.route

    def counted(artifact: Artifact, window: np.ndarray) -> float:
        shapes.append(window.shape)
        return route(artifact, window)

    monkeypatch.setattr(Artifact, "route", counted)
    return shapes


def test_the_router_is_asked_once_for_each_cell_and_its_answer_is_kept(routed_pair, asked, tmp_path):
    order = order_of(draw_sheet(100, 120, 5), routed_pair, 30, tmp_path)
    *_, numbers = enlarge(order, lambda _: None)
    card = read_card(routed_pair.smaller)
    tiles = plan_tiles((100, 120), order.size, (64, 64), card.tile.halo)
    cells = [cells_of(tile, 2, card.routing).shape for tile in tiles]
    assert len(tiles) == 6
    assert len(asked) == sum(rows * columns for rows, columns in cells)
    chosen = np.load(order.chosen)
    assert isinstance(numbers, Numbers)
    assert chosen.shape == (100, 120)
    assert 0 < numbers.share_percent < 100
    assert 0 < chosen.mean() < 1


def test_no_router_is_asked_for_no_effort(routed_pair, asked, tmp_path):
    order = order_of(draw_sheet(100, 120, 5), routed_pair, 0, tmp_path)
    *_, numbers = enlarge(order, lambda _: None)
    assert asked == []
    assert (numbers.share_percent, np.load(order.chosen).any()) == (0, False)


def test_cells_whose_alpha_the_bigger_network_made_are_marked_too(routed_pair, tmp_path):
    picture = np.concatenate([draw_sheet(100, 120, 5), draw_sheet(100, 120, 6)[:, :, :1]], axis=2)
    orders = [order_of(picture, routed_pair, effort, tmp_path) for effort in (0, 30)]
    for order in orders:
        list(enlarge(order, lambda _: None))
    alone, routed = (np.load(order.planes) for order in orders)
    chosen = np.load(orders[1].chosen).repeat(2, axis=0).repeat(2, axis=1)
    differs = (alone != routed).any(axis=0)
    assert differs[chosen].any()
    assert not differs[~chosen].any()
    assert not chosen.all()
