from functools import partial

import pytest
import torch
from quantized import quantize_methods
from torch.utils.data import default_collate

from edge.compress.calibration import calibration_tiles
from edge.compress.qat import QuantisedLoss, fake_quantised, make_derive
from edge.images.extremes import calibration_extremes
from models import LIIF, FixedScaleLIIF, LIIFConfig
from models.errors import RecipeError
from models.liif.objective import Distillation
from models.liif.patches import PatchDataset, PatchSpec, Sample
from models.liif.programs import methods_of
from quantize.spec import StaticSpec

PATCHES = PatchSpec(
    patch=8, min_scale=2.0, max_scale=2.0, share_of_two=0.0, drawn_share=1.0, every_pixel=True
)


# As ``edge.compress.qat`` has them.
DETAILS = {
    "scale": 2,
    "make_graph": fake_quantised,
    "make_derive": partial(make_derive, scale=2),
    "extremes": calibration_extremes(),
    "ranges": "mse",
}


def tiny(seed: int = 0) -> LIIF:
    torch.manual_seed(seed)
    return LIIF(LIIFConfig(n_feats=8, block_widths=(8,), hidden_widths=(16, 16)))


def loss_of(student: LIIF, teacher: LIIF | None = None, tiles: int = 4) -> QuantisedLoss:
    return QuantisedLoss(
        student,
        teacher,
        Distillation(colours=0.5, features=0.0),
        tiles=calibration_tiles(None)[:tiles],
        **DETAILS,
    )


@pytest.fixture(scope="module")
def batch() -> Sample:
    dataset = PatchDataset([], PATCHES, 0, True)
    return default_collate([dataset[number] for number in range(3)])


def test_training_sees_what_quantising_afterwards_will_give():
    model, tiles = tiny().eval(), calibration_tiles(None)
    nearest = StaticSpec(rounding="nearest")
    graph = quantize_methods(methods_of(model, 2, 64), model, tiles, "the same", nearest)[0]["forward"]
    upscale = loss_of(model, tiles=len(tiles)).upscaler(model, 2)
    lr = torch.from_numpy(tiles[1])
    with torch.no_grad():
        afterwards, in_training, fp32 = graph(lr), upscale(lr), FixedScaleLIIF(model, 2)(lr)
    assert (afterwards - fp32).abs().max() > 1e-3
    torch.testing.assert_close(in_training, afterwards, atol=1e-5, rtol=0)


def test_every_weight_of_the_network_is_trained_through_the_rounding(batch):
    student = tiny()
    objective = loss_of(student)
    objective.refresh()
    objective(batch).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in student.parameters())
    assert set(objective.state_dict()) == {f"student.{name}" for name in student.state_dict()}


def test_the_rounding_follows_the_weights(batch):
    student = tiny()
    objective = loss_of(student)
    objective.refresh()
    before = objective.upscaler(student, 2)(batch.lr)
    with torch.no_grad():
        student.imnet.linears[-1].weight *= -1
        student.imnet.linears[-1].bias *= -1
    after = objective.upscaler(student, 2)(batch.lr)
    assert (before - 0.5 + after - 0.5).abs().max() < 0.02  # the picture's negative


def test_a_teacher_pulls_the_int8_picture_towards_its_own(batch):
    student = tiny()
    with_teacher, alone = loss_of(student, tiny(1)), loss_of(student)
    for objective in (with_teacher, alone):
        objective.refresh()
    with torch.no_grad():
        assert float(with_teacher(batch)) != float(alone(batch))


def test_other_scales_are_measured_in_float(batch):
    student = tiny()
    with torch.no_grad():
        found = loss_of(student).upscaler(student, 3)(batch.lr)
        torch.testing.assert_close(found, FixedScaleLIIF(student, 3)(batch.lr))


def test_features_of_a_teacher_are_refused():
    with pytest.raises(RecipeError, match="features = 0"):
        QuantisedLoss(tiny(), tiny(1), Distillation(), tiles=[], **DETAILS)
