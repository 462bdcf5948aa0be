import numpy as np
import pytest
import torch

from edge.errors import BadInput
from edge.run.tiling import Rect, Tile, plan_tiles
from models import LIIF, AnyScaleDecoder, AnyScaleEncoder, FixedScaleLIIF, LIIFConfig
from models.liif.any_scale import blend_rows, gather_rows, plan_queries

# On nets this small a second thread costs more than it brings.
torch.set_num_threads(1)

# (picture, target, tile, halo)
PLANS = [
    ((1, 1), (2, 2), (1, 1), 0),
    ((1, 1), (4, 4), (64, 64), 19),
    ((1, 40), (3, 120), (1, 9), 4),
    ((40, 1), (80, 2), (9, 9), 4),
    ((64, 64), (128, 128), (64, 64), 20),
    ((65, 63), (130, 126), (64, 64), 20),
    ((65, 63), (195, 189), (32, 48), 10),
    ((50, 70), (61, 99), (16, 24), 5),
    ((50, 70), (185, 183), (16, 24), 5),
    ((50, 70), (13, 11), (16, 24), 5),
    ((50, 70), (1, 1), (16, 24), 5),
    ((50, 70), (50, 70), (7, 7), 3),
    ((10, 10), (20, 20), (64, 64), 40),
]


def random_plans(count: int) -> list[tuple[tuple[int, int], tuple[int, int], tuple[int, int], int]]:
    rng = np.random.default_rng(0)
    plans = []
    for _ in range(count):
        halo = int(rng.integers(0, 6))
        height, width, target_height, target_width = (int(n) for n in rng.integers(1, 60, 4))
        tile = tuple(int(n) for n in rng.integers(2 * halo + 1, 30, 2))
        plans.append(((height, width), (target_height, target_width), tile, halo))
    return plans


def own_pixel(j: int, n_in: int, n_out: int) -> int:
    """The low-resolution pixel that the centre of output pixel ``j`` lies in."""
    return (2 * j + 1) * n_in // (2 * n_out)


@pytest.mark.parametrize(("lr_size", "size", "tile", "halo"), PLANS)
def test_a_plan_partitions_the_target_and_every_source_holds_its_halo(lr_size, size, tile, halo):
    assert_sound(lr_size, size, tile, halo)


def test_so_does_every_plan_drawn_at_random():
    for plan in random_plans(500):
        assert_sound(*plan)


def assert_sound(lr_size: tuple[int, int], size: tuple[int, int], tile: tuple[int, int], halo: int) -> None:
    plan = plan_tiles(lr_size, size, tile, halo)
    written = np.zeros(size, int)
    for part in plan:
        source, target = part.source, part.target
        assert target.height > 0 and target.width > 0
        written[slice(*target.rows), slice(*target.columns)] += 1
        # Programs with static shapes: every tile of a plan has one size.
        assert (source.height, source.width) == (min(tile[0], lr_size[0]), min(tile[1], lr_size[1]))
        for n_in, n_out, read, write in (
            (lr_size[0], size[0], source.rows, target.rows),
            (lr_size[1], size[1], source.columns, target.columns),
        ):
            assert 0 <= read[0] < read[1] <= n_in
            assert 0 <= write[0] < write[1] <= n_out
            assert read[0] <= max(0, own_pixel(write[0], n_in, n_out) - halo)
            assert read[1] >= min(n_in, own_pixel(write[1] - 1, n_in, n_out) + 1 + halo)
    assert (written == 1).all()


def test_tiles_come_row_by_row():
    plan = plan_tiles((50, 70), (100, 140), (16, 24), 5)
    corners = [(tile.target.top, tile.target.left) for tile in plan]
    assert corners == sorted(corners)
    assert len(plan) > 9


def test_a_picture_that_fits_one_tile_is_one_tile_whatever_the_halo():
    assert plan_tiles((10, 12), (20, 24), (12, 12), 40) == [Tile(Rect(0, 0, 10, 12), Rect(0, 0, 20, 24))]


def test_the_last_tile_shifts_inward_instead_of_leaving_the_picture():
    # 10 pixels by tiles of 8 with a halo of 2: the second would start at 4 and end at 12.
    first, second = plan_tiles((8, 10), (16, 20), (8, 8), 2)
    assert (first.source.columns, first.target.columns) == ((0, 8), (0, 12))
    assert (second.source.columns, second.target.columns) == ((2, 10), (12, 20))
    assert second.crop(2) == Rect(0, 8, 16, 8)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_crop_is_the_targets_place_in_the_programs_output(scale):
    for tile in plan_tiles((33, 21), (33 * scale, 21 * scale), (16, 16), 5):
        crop = tile.crop(scale)
        assert crop.top >= 0 and crop.rows[1] <= scale * tile.source.height
        assert crop.left >= 0 and crop.columns[1] <= scale * tile.source.width
        assert crop.top + scale * tile.source.top == tile.target.top
        assert crop.left + scale * tile.source.left == tile.target.left
        assert (crop.height, crop.width) == (tile.target.height, tile.target.width)


def test_an_axis_below_the_smallest_side_is_one_window_with_the_picture_in_its_middle():
    plan = plan_tiles((3, 40), (8, 61), (16, 16), 4, smallest_side=8)
    assert {(part.source.rows, part.target.rows) for part in plan} == {((-2, 6), (0, 8))}
    long = plan_tiles((40, 40), (61, 61), (16, 16), 4)
    assert [part.source.columns for part in plan] == [part.source.columns for part in long[: len(plan)]]
    assert [part.target.columns for part in plan] == [part.target.columns for part in long[: len(plan)]]
    assert plan_tiles((40, 3), (61, 8), (16, 16), 4, smallest_side=8) == [transposed(part) for part in plan]


def transposed(tile: Tile) -> Tile:
    return Tile(*(Rect(r.left, r.top, r.width, r.height) for r in (tile.source, tile.target)))


@pytest.mark.parametrize("tile", [1, 4, 7, 100])
def test_so_it_is_whatever_the_tile(tile):
    assert plan_tiles((1, 7), (2, 14), (tile, tile), 4, smallest_side=8) == [
        Tile(Rect(-3, 0, 8, 8), Rect(0, 0, 2, 14))
    ]


def test_the_crop_of_a_window_that_leaves_its_picture_is_the_pictures_place_in_it():
    (part,) = plan_tiles((1, 7), (2, 14), (16, 16), 4, smallest_side=8)
    assert part.crop(2) == Rect(6, 0, 2, 14)


def test_from_the_smallest_side_on_plans_are_what_they_are_without_it():
    for lr_size, size, tile, halo in [*PLANS, *random_plans(100)]:
        plan = plan_tiles(lr_size, size, tile, halo)
        assert plan_tiles(lr_size, size, tile, halo, smallest_side=min(lr_size)) == plan


@pytest.mark.parametrize(
    ("lr_size", "size", "tile", "halo"),
    [
        ((0, 4), (8, 8), (4, 4), 0),
        ((4, 4), (8, 0), (4, 4), 0),
        ((4, 4), (8, 8), (4, 0), 0),
        ((4, 4), (8, 8), (-4, 4), 0),
        ((4, 4), (8, 8), (4, 4), -1),
    ],
)
def test_sizes_below_one_are_refused(lr_size, size, tile, halo):
    with pytest.raises(BadInput, match="expected sizes of at least 1"):
        plan_tiles(lr_size, size, tile, halo)


@pytest.mark.parametrize("tile", [(8, 20), (20, 8), (20, 3)])
def test_a_halo_that_leaves_nothing_to_own_is_refused(tile):
    with pytest.raises(BadInput, match="larger than two halos of 4"):
        plan_tiles((40, 40), (80, 80), tile, 4)


# Tiled and untiled: the same picture


def tiny(**options: bool) -> LIIF:
    """One block, and weights large enough that the farthest pixel of the halo can be seen."""
    torch.manual_seed(0)
    model = LIIF(LIIFConfig(n_feats=4, block_widths=(4,), hidden_widths=(8, 8), **options)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight *= 1.5
    return model


def photo(height: int, width: int) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))


def tiled(model: LIIF, lr: torch.Tensor, scale: int, tile: tuple[int, int], halo: int) -> torch.Tensor:
    program = FixedScaleLIIF(model, scale).eval()
    h, w = lr.shape[-2:]
    out = torch.full((1, 3, scale * h, scale * w), torch.nan)
    for part in plan_tiles((h, w), (scale * h, scale * w), tile, halo):
        with torch.no_grad():
            sr = program(lr[:, :, slice(*part.source.rows), slice(*part.source.columns)])
        crop = part.crop(scale)
        out[:, :, slice(*part.target.rows), slice(*part.target.columns)] = sr[
            :, :, slice(*crop.rows), slice(*crop.columns)
        ]
    return out


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize(
    "size", [(1, 1), (1, 37), (9, 5), (16, 16), (17, 16), (31, 23)], ids=lambda s: f"{s[0]}x{s[1]}"
)
def test_fixed_scale_tiles_make_the_untiled_picture(scale, size):
    model, lr = tiny(), photo(*size)
    with torch.no_grad():
        whole = FixedScaleLIIF(model, scale).eval()(lr)
    stitched = tiled(model, lr, scale, (16, 16), model.config.full_halo)
    assert (stitched - whole).abs().max() < 1e-5


@pytest.mark.parametrize("option", ["none", "local_ensemble", "feat_unfold"])
def test_the_full_halo_is_no_larger_than_it_must_be(option):
    model, lr = tiny(**({} if option == "none" else {option: False})), photo(31, 23)
    with torch.no_grad():
        whole = FixedScaleLIIF(model, 2).eval()(lr)
    halo = model.config.full_halo
    assert (tiled(model, lr, 2, (16, 16), halo) - whole).abs().max() < 1e-5
    assert (tiled(model, lr, 2, (16, 16), halo - 1) - whole).abs().max() > 1e-5


@pytest.mark.parametrize("local_ensemble", [True, False])
@pytest.mark.parametrize("size", [(41, 33), (58, 29), (97, 71), (20, 17)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_any_scale_tiles_make_the_untiled_picture(local_ensemble, size):
    model = tiny(local_ensemble=local_ensemble)
    lr = photo(31, 23)
    encode, decode = AnyScaleEncoder(model).eval(), AnyScaleDecoder(model).eval()
    options = {"local_ensemble": local_ensemble, "cell_decode": True}

    @torch.no_grad()
    def render(source: Rect, target: Rect) -> np.ndarray:
        window = (source.top, source.left, source.height, source.width)
        encoded = encode(lr[:, :, slice(*source.rows), slice(*source.columns)])[0].numpy()
        queries = plan_queries((31, 23), size, target.rows, target.columns, window, **options)
        colours = [
            decode(torch.from_numpy(gather_rows(encoded, index)), torch.from_numpy(coordinates)).numpy()
            for index, coordinates in zip(queries.index, queries.coordinates, strict=True)
        ]
        return blend_rows(np.stack(colours), queries.weight).reshape(target.height, target.width, 3)

    whole = render(Rect(0, 0, 31, 23), Rect(0, 0, *size))
    stitched = np.full_like(whole, np.nan)
    plan = plan_tiles((31, 23), size, (16, 16), model.config.full_halo)
    for part in plan:
        stitched[slice(*part.target.rows), slice(*part.target.columns)] = render(part.source, part.target)
    assert len(plan) > 3
    assert abs(stitched - whole).max() < 1e-5
