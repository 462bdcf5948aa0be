import numpy as np
import pytest
import torch
from PIL import Image, ImageFont

from models import LIIF, LIIFConfig
from models.errors import DataError
from models.liif.edsr import normalized
from models.liif.objective import query_colours
from models.liif.patches import (
    PatchDataset,
    PatchSpec,
    Queries,
    draw_member,
    find_queries,
)
from models.picture_files import picture_files
from models.resize import bicubic
from models.screens.sheets import ScreenSpec
from models.training.degradations import Degradation

SMALL = PatchSpec(patch=8, max_scale=3.0, drawn_share=0.0)


def dataset(pictures, spec=SMALL, seed=0, local_ensemble=True):
    return PatchDataset(picture_files(pictures), spec, seed, local_ensemble)


def flat(sample):
    """All tensors of a sample, one after the other."""
    return [sample.lr, sample.colours, *sample.queries, *sample.teacher_queries]


def test_a_sample_is_the_same_whenever_it_is_asked_for(pictures):
    once, again = dataset(pictures), dataset(pictures)
    again[7]  # what was drawn before does not matter
    assert all(torch.equal(a, b) for a, b in zip(flat(once[3]), flat(again[3]), strict=True))


@pytest.mark.parametrize(("number", "seed"), [(4, 0), (3, 1)])
def test_samples_differ_by_number_and_by_seed(pictures, number, seed):
    assert not torch.equal(dataset(pictures)[3].lr, dataset(pictures, seed=seed)[number].lr)


def test_a_sample_has_the_shapes_that_training_expects(pictures):
    sample = dataset(pictures)[0]
    assert sample.lr.shape == (3, 8, 8)
    assert sample.colours.shape == (64, 3)
    assert [tuple(t.shape) for t in sample.queries] == [(1, 64), (1, 64, 4), (1, 64)]
    assert [tuple(t.shape) for t in sample.teacher_queries] == [(4, 64), (4, 64, 4), (4, 64)]
    assert sample.lr.min() >= 0 and sample.lr.max() <= 1


def test_without_one_member_the_student_sees_all_four(pictures):
    sample = dataset(pictures, PatchSpec(patch=8, max_scale=3.0, drawn_share=0.0, one_member=False))[0]
    assert all(torch.equal(a, b) for a, b in zip(sample.queries, sample.teacher_queries, strict=True))


def test_without_local_ensemble_the_student_sees_the_nearest_pixel(pictures):
    sample = dataset(pictures, local_ensemble=False)[0]
    assert sample.queries.rows.shape == (1, 64)
    assert sample.queries.coordinates[..., :2].abs().max() <= 1  # half an LR pixel, in halves of one


def test_queries_ask_the_network_for_what_the_reference_form_gives(pictures):
    torch.manual_seed(0)
    model = LIIF(LIIFConfig(n_feats=6, block_widths=(6,), hidden_widths=(12, 8))).eval()
    spec = PatchSpec(
        patch=8, min_scale=2.5, max_scale=2.5, share_of_two=0.0, one_member=False, every_pixel=True
    )
    sample = dataset(pictures, spec)[0]
    lr, queries = sample.lr[None], Queries(*(part[None] for part in sample.queries))
    with torch.no_grad():
        found = query_colours(model, model.encoder(normalized(lr)), queries)
        expected = model(lr, (20, 20)).flatten(2).transpose(1, 2)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_every_pixel_comes_in_the_order_of_the_picture(pictures):
    spec = PatchSpec(patch=8, min_scale=2.0, max_scale=2.0, share_of_two=0.0, every_pixel=True)
    sample = dataset(pictures, spec)[0]
    hr = (sample.colours.reshape(16, 16, 3).numpy() * 255).round().astype(np.uint8)
    lr = (sample.lr.numpy().transpose(1, 2, 0) * 255).round().astype(np.uint8)
    np.testing.assert_array_equal(bicubic(hr, (8, 8)), lr)


def test_a_member_is_drawn_as_often_as_it_weighs():
    queries = find_queries(4, 8, np.full(4000, 1), np.full(4000, 1), local_ensemble=True)
    drawn = draw_member(queries, np.random.default_rng(0))
    for row, weight in zip(queries.rows[:, 0], queries.weight[:, 0], strict=True):
        assert float((drawn.rows == row).float().mean()) == pytest.approx(float(weight), abs=0.03)


def test_pure_colours_come_in_their_share(pictures):
    spec = PatchSpec(patch=16, share_of_two=1.0, drawn_share=0.0, colour_share=0.5)
    samples = [dataset(pictures, spec)[number] for number in range(60)]
    pure = [((sample.colours == 0) | (sample.colours == 1)).float().mean() > 0.4 for sample in samples]
    assert 12 < sum(pure) < 45
    assert torch.equal(dataset(pictures, spec)[5].lr, samples[5].lr)


def test_the_drawn_share_needs_no_photographs():
    spec = PatchSpec(patch=8, drawn_share=1.0)
    assert PatchDataset([], spec, 0, True)[0].colours.std() > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patch": 2}, "4 to 256 LR pixels, found 2"),
        ({"max_scale": 0.5}, "scales within 1 to 8, found 1 to 0.5"),
        ({"share_of_two": 1.5}, "share_of_two from 0 to 1, found 1.5"),
        ({"colour_share": 1.5}, "colour_share from 0 to 1, found 1.5"),
        ({"drawn_share": float("nan")}, "drawn_share from 0 to 1, found nan"),
        ({"min_scale": 3.0}, "share_of_two of 0 without ×2"),
        ({"every_pixel": True}, "one scale with every_pixel, found 1 to 4"),
    ],
)
def test_a_spec_that_makes_no_samples_is_refused(options, message):
    with pytest.raises(DataError, match=message):
        PatchSpec(**options)


def test_a_picture_smaller_than_the_patch_is_named(tmp_path):
    Image.new("RGB", (9, 200)).save(tmp_path / "thin.png")
    with pytest.raises(DataError, match=r"at least \d+ pixels a side, found 9x200"):
        dataset(tmp_path)[0]


def test_no_pictures_at_all_are_refused():
    with pytest.raises(DataError, match="a drawn_share of 1, found neither"):
        PatchDataset([], SMALL, 0, True)


@pytest.fixture
def fonts(tmp_path):
    (tmp_path / "aileron.ttf").write_bytes(ImageFont.load_default(10.0).path.getvalue())
    return tmp_path


def test_screens_need_no_photographs_and_are_the_same_whenever_they_are_asked_for(fonts):
    spec = PatchSpec(patch=8, share_of_two=1.0, drawn_share=1.0)
    once, again = (PatchDataset([], spec, 0, True, screen=ScreenSpec(fonts)) for _ in range(2))
    again[7]
    assert all(torch.equal(a, b) for a, b in zip(flat(once[3]), flat(again[3]), strict=True))
    assert not torch.equal(once[3].lr, once[4].lr)


def test_photographs_are_the_same_with_and_without_screens(pictures, fonts):
    spec = PatchSpec(patch=8, drawn_share=0.5)
    plain = PatchDataset(picture_files(pictures), spec, 0, True)
    screened = PatchDataset(picture_files(pictures), spec, 0, True, screen=ScreenSpec(fonts))
    same = [torch.equal(plain[i].lr, screened[i].lr) for i in range(40)]
    assert 8 <= sum(same) <= 32


def test_screens_are_degraded_like_all_samples(fonts):
    spec = PatchSpec(patch=8, share_of_two=1.0, drawn_share=1.0)
    clean = PatchDataset([], spec, 0, True, screen=ScreenSpec(fonts, native=0.0))
    degraded = PatchDataset([], spec, 0, True, Degradation(share=1.0), ScreenSpec(fonts, native=0.0))
    assert sum(torch.equal(clean[i].lr, degraded[i].lr) for i in range(12)) <= 2
    rng = np.random.default_rng
    assert all(
        np.array_equal(clean.draw_pair(rng(i), 2.0, i)[1], degraded.draw_pair(rng(i), 2.0, i)[1])
        for i in range(8)
    )


def test_screens_come_as_small_as_their_sheets_have_them(fonts):
    spec = PatchSpec(patch=16, share_of_two=1.0, drawn_share=1.0)
    native = PatchDataset([], spec, 0, True, screen=ScreenSpec(fonts, native=1.0))
    pairs = [native.draw_pair(np.random.default_rng(i), 2.0, i) for i in range(8)]
    assert any(not np.array_equal(lr, bicubic(hr, (16, 16))) for lr, hr in pairs)
