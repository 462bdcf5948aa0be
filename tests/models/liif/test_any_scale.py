import itertools

import numpy as np
import pytest
import torch

from models import LIIF, AnyScaleDecoder, AnyScaleEncoder, LIIFConfig
from models.liif.any_scale import blend_rows, gather_rows, plan_queries

# On nets this small a second thread costs more than it brings.
torch.set_num_threads(1)

LR = (11, 13)
TARGETS = {
    "x2": (22, 26),
    "x1.37": (15, 18),
    "x2.6": (29, 34),
    "x3.3": (36, 43),
    "asymmetric": (17, 61),
    "shrunk": (7, 9),
    "one column": (25, 1),
}
OPTIONS = [
    dict(zip(("local_ensemble", "feat_unfold", "cell_decode"), values, strict=True))
    for values in itertools.product((True, False), repeat=3)
]


def tiny(**options: bool) -> LIIF:
    torch.manual_seed(0)
    model = LIIF(LIIFConfig(n_feats=6, block_widths=(6, 3), hidden_widths=(12, 10, 8), **options)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight *= 1.5
    return model


def photo(height: int, width: int) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))


def is_well_posed(n_in: int, n_out: int) -> bool:
    """No output centre halfway between two pixels (without ensemble, rounding decides which is the
    nearest) and none on the last pixel's centre (with it, the reference form divides 0 by 0)."""
    twice = [((2 * j + 1) * n_in - n_out) / n_out for j in range(n_out)]  # positions in half pixels
    return not any(t % 2 == 1 for t in twice) and 2 * (n_in - 1) not in twice


def upscale(model: LIIF, lr: torch.Tensor, size: tuple[int, int]) -> np.ndarray:
    """What a host does: encode, gather, decode, blend. (3, H, W)."""
    h, w = lr.shape[-2:]
    config = model.config
    with torch.no_grad():
        encoded = AnyScaleEncoder(model).eval()(lr)[0].numpy()
        queries = plan_queries(
            (h, w),
            size,
            (0, size[0]),
            (0, size[1]),
            (0, 0, h, w),
            local_ensemble=config.local_ensemble,
            cell_decode=config.cell_decode,
        )
        decode = AnyScaleDecoder(model).eval()
        colours = [
            decode(torch.from_numpy(gather_rows(encoded, index)), torch.from_numpy(coordinates)).numpy()
            for index, coordinates in zip(queries.index, queries.coordinates, strict=True)
        ]
    blended = blend_rows(np.stack(colours), queries.weight)  # (H*W, 3)
    assert blended.dtype == np.float32
    return blended.T.reshape(3, *size)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "".join("01"[value] for value in o.values()))
@pytest.mark.parametrize("target", TARGETS)
def test_it_equals_the_reference_form(target, options):
    model, lr, size = tiny(**options), photo(*LR), TARGETS[target]
    assert is_well_posed(LR[0], size[0]) and is_well_posed(LR[1], size[1])
    with torch.no_grad():
        reference = model(lr, size)[0].numpy()
    assert abs(upscale(model, lr, size) - reference).max() < 1e-5
    assert reference.std() > 1e-2


@pytest.mark.parametrize("lr_size", [(1, 1), (1, 6), (6, 1)])
def test_it_equals_the_reference_form_on_single_rows_and_columns(lr_size):
    model, lr, size = tiny(), photo(*lr_size), (8, 10)
    with torch.no_grad():
        reference = model(lr, size)[0].numpy()
    assert abs(upscale(model, lr, size) - reference).max() < 1e-5


def test_a_picture_encoded_once_serves_every_zoom():
    encoded = AnyScaleEncoder(tiny())(photo(*LR))
    assert encoded.shape == (1, 12, *LR)


def test_a_rectangle_of_queries_is_that_part_of_the_whole():
    options = {"local_ensemble": True, "cell_decode": True}
    size = TARGETS["x2.6"]
    whole = plan_queries(LR, size, (0, size[0]), (0, size[1]), (0, 0, *LR), **options)
    part = plan_queries(LR, size, (3, 9), (10, 15), (0, 0, *LR), **options)
    for name in ("index", "coordinates", "weight"):
        array = getattr(whole, name)
        window = array.reshape(4, *size, *array.shape[2:])[:, 3:9, 10:15]
        assert np.array_equal(getattr(part, name), window.reshape(getattr(part, name).shape))


def test_queries_of_a_window_index_into_the_window():
    options = {"local_ensemble": True, "cell_decode": True}
    whole = plan_queries(LR, (22, 26), (8, 12), (10, 16), (0, 0, *LR), **options)
    window = plan_queries(LR, (22, 26), (8, 12), (10, 16), (2, 3, 6, 8), **options)
    row, column = np.divmod(whole.index, LR[1])
    assert np.array_equal(window.index, (row - 2) * 8 + (column - 3))
    assert np.array_equal(window.coordinates, whole.coordinates)


def test_queries_of_a_window_beyond_the_picture_are_those_of_the_extended_picture():
    # 4 pixels to 6, with two more on either side: 8 pixels to 12, of which 3 to 9 are the picture's.
    options = {"local_ensemble": True, "cell_decode": True}
    beyond = plan_queries((4, 9), (6, 13), (0, 6), (0, 13), (-2, 0, 8, 9), **options)
    extended = plan_queries((8, 9), (12, 13), (3, 9), (0, 13), (0, 0, 8, 9), **options)
    for name in ("index", "coordinates", "weight"):
        assert np.array_equal(getattr(beyond, name), getattr(extended, name))


@pytest.mark.parametrize(("local_ensemble", "k"), [(True, 4), (False, 1)])
@pytest.mark.parametrize(("cell_decode", "columns"), [(True, 4), (False, 2)])
def test_queries_have_the_stated_shapes_and_types(local_ensemble, k, cell_decode, columns):
    queries = plan_queries(
        LR, (20, 30), (0, 5), (0, 6), (0, 0, *LR), local_ensemble=local_ensemble, cell_decode=cell_decode
    )
    assert (queries.index.shape, queries.index.dtype) == ((k, 30), np.int64)
    assert (queries.coordinates.shape, queries.coordinates.dtype) == ((k, 30, columns), np.float32)
    assert (queries.weight.shape, queries.weight.dtype) == ((k, 30), np.float32)
    assert np.allclose(queries.weight.sum(axis=0), 1)


def test_gathered_rows_are_the_maps_columns():
    encoded = np.arange(2 * 3 * 4, dtype=np.float32).reshape(2, 3, 4)
    rows = gather_rows(encoded, np.array([0, 7, 7, 11]))
    assert rows.flags["C_CONTIGUOUS"]
    assert rows.tolist() == [encoded[:, i // 4, i % 4].tolist() for i in (0, 7, 7, 11)]
